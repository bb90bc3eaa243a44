import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { pino } from 'pino';
import { Mailbox } from '../../src/main/actor.ts';
import { type Config, DEFAULT_CONFIG } from '../../src/main/config.ts';
import { Journal } from '../../src/main/journal.ts';
import { type ContainerUpdate, Ledger } from '../../src/main/ledger/ledger.ts';
import type { Seen } from '../../src/main/ledger/synchronize.ts';
import { Reconciler, type ReconcilerOptions } from '../../src/main/reconciler.ts';
import type { CpusetReading } from '../../src/workers/host.ts';
import { annotated, integer, on, policyOf, shared, shown } from './ledger/fixtures.ts';

const { after, growthAfter, driftInterval } = DEFAULT_CONFIG.reconcile;
const AFTER_MS = after * 1000;
const GROWTH_AFTER_MS = growthAfter * 1000;
const DRIFT_MS = driftInterval * 1000;
/** After an answer with one update. */
const SETTLE_MS = 1100;
const RECONNECT_EVERY_MS = 30_000;

/** A host of 8 CPUs with a reconciler whose clock only the test moves, and cgroups that are a map. */
class Scene {
  readonly ledger: Ledger;
  readonly mailbox = new Mailbox();
  readonly reconciler: Reconciler;
  /** CPU lists by container id; of others nothing is there. */
  readonly cgroups = new Map<string, string>();
  /** Memory nodes by container id; of others they are all that there are. */
  readonly memory = new Map<string, string>();
  /** What was looked at, in order. */
  readonly looks: (readonly string[])[] = [];
  /** Updates that were sent without an event, in order. */
  readonly sent: (readonly string[])[] = [];
  readonly log: {
    readonly level: number;
    readonly msg: string;
    readonly container?: string;
    readonly told?: string;
    readonly found?: string;
  }[] = [];
  reconnects = 0;
  isConnected = true;
  takesUpdates = true;
  canReconnect = true;
  /** What the runtime does with updates that come without an event. */
  update = async (updates: readonly ContainerUpdate[]): Promise<void> => this.apply(updates);
  read: ReconcilerOptions['readCpusets'] = async (requests) => requests.map(({ id }) => this.reading(id));
  #clock = 0;

  constructor(context: TestContext, config: Partial<Config> = {}, host = '8') {
    // The reconciler's own timer would tick in between.
    context.mock.timers.enable({ apis: ['setInterval'] });
    this.ledger = new Ledger({
      policy: policyOf(host, config),
      journal: new Journal(10),
      instance: 'test',
      now: () => this.#clock,
      onDecision: () => {},
    });
    this.reconciler = new Reconciler({
      ledger: this.ledger,
      mailbox: this.mailbox,
      log: pino({}, { write: (line: string) => void this.log.push(JSON.parse(line)) }),
      readCpusets: (requests) => {
        this.looks.push(requests.map(({ id }) => id));
        return this.read(requests);
      },
      settings: () => DEFAULT_CONFIG.reconcile,
      now: () => this.#clock,
      link: {
        isConnected: () => this.isConnected,
        takesUpdates: () => this.takesUpdates,
        updateContainers: async (updates) => {
          this.sent.push(shown(updates));
          await this.update(updates);
        },
        reconnect: () => {
          if (this.canReconnect) this.reconnects++;
          return this.canReconnect;
        },
      },
    });
    context.after(() => this.reconciler.close());
  }

  /** A container is created. @param applied whether the runtime can carry out what the answer asks of others */
  create({ pod, container }: Seen, { applied = true } = {}): void {
    const created = { ...container, cgroupsPath: `/${container.id}` };
    const { updates, adjustment } = this.ledger.create(pod, created);
    if (applied) this.apply(updates);
    this.apply([adjustment]);
    this.reconciler.noteAnswer(updates);
  }

  stop(id: string): void {
    this.cgroups.delete(id);
    const updates = this.ledger.stop(id);
    this.apply(updates);
    this.reconciler.noteAnswer(updates);
  }

  apply(updates: readonly ContainerUpdate[]): void {
    for (const { id, cpus, mems } of updates) {
      if (cpus !== undefined) this.cgroups.set(id, `${cpus}`);
      if (mems !== undefined) this.memory.set(id, mems);
    }
  }

  reading(id: string): CpusetReading {
    const cpus = this.cgroups.get(id);
    const mems = this.memory.get(id) ?? '';
    return cpus === undefined ? { id, problem: 'gone' } : { id, cpus, effective: cpus, mems };
  }

  /** Time passes, and the reconciler's timer fires. */
  async pass(ms: number): Promise<void> {
    this.#clock += ms;
    await this.reconciler.tick();
  }

  /** What the log says at level warning or above. */
  get complaints(): readonly string[] {
    return this.log.filter(({ level }) => level >= 40).map(({ msg }) => msg);
  }

  /** Where every container is, and where it should be. */
  assertAsWanted(): void {
    for (const [id, { told }] of this.ledger.entries) assert.equal(this.cgroups.get(id), `${told.cpus}`, id);
    const { moving, misplaced, growing } = this.ledger.differences();
    assert.deepEqual([moving, misplaced, growing], [[], [], []]);
  }
}

/** An integer container whose move the runtime fails to carry out. */
function failedMove(context: TestContext): Scene {
  const scene = new Scene(context);
  scene.create(integer('one', 2));
  scene.create(annotated('pinned', scene.cgroups.get('one')!), { applied: false });
  return scene;
}

/** A shared container that was found to have been put on other CPUs right before an event. */
async function foundDrift(context: TestContext): Promise<Scene> {
  const scene = new Scene(context);
  scene.create(integer('one', 2));
  scene.create(shared('web'));
  scene.cgroups.set('web', '0-7');
  await scene.pass(DRIFT_MS - 1);
  scene.reconciler.noteAnswer([]);
  await scene.pass(1);
  scene.reconciler.noteAnswer([]);
  assert.equal(scene.reconciler.counts.drifted, 1);
  assert.deepEqual(scene.sent, []);
  return scene;
}

describe('a container that an answer moves', () => {
  it('is looked at once the runtime has had the time for it, alone and once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.create(annotated('pinned', scene.cgroups.get('one')!));
    const twoUpdates = SETTLE_MS + 100;
    await scene.pass(twoUpdates - 1);
    assert.deepEqual(scene.looks, []);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one']]);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one']]);
    assert.equal(scene.reconciler.counts.drifted, 0);
  });

  it('and was not moved is found, counted and logged, and put right after 5 quiet seconds', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 0 });
    assert.equal(scene.log.at(-1)?.container, 'default/one/main');
    await scene.pass(AFTER_MS - SETTLE_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [[`one ${scene.ledger.entries.get('one')!.cpus}`]]);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 1, reconnects: 0 });
    await scene.pass(SETTLE_MS);
    assert.deepEqual(scene.looks, [['one'], ['one']], 'and looked at again');
    assert.equal(scene.reconciler.counts.repaired, 1);
    scene.assertAsWanted();
  });

  it('and was not moved travels with the next answer', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    scene.create(shared('web'));
    scene.assertAsWanted();
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.sent, []);
  });
});

describe('a container on other CPUs than it was told', () => {
  it('is found at the next look at all containers, and put right', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.cgroups.set('web', '0-7');
    await scene.pass(DRIFT_MS - 1);
    assert.deepEqual(scene.looks, []);
    await scene.pass(1);
    assert.deepEqual(scene.looks, [['one', 'web']]);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
    assert.deepEqual(scene.complaints, ['container is not on the CPUs it was told']);
    scene.assertAsWanted();
  });

  it('is counted once while it stays there, and again when it is moved elsewhere', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 1);
    scene.cgroups.set('web', '0');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 2);
  });

  it('is counted once though putting it right has failed', async (t) => {
    const scene = await foundDrift(t);
    scene.update = async () => {};
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 2, 'it was found there again');
    assert.equal(scene.reconciler.counts.drifted, 1);
  });

  it('because the runtime is still at it is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    await scene.pass(DRIFT_MS - SETTLE_MS + 1);
    scene.create(integer('one', 2), { applied: false });
    await scene.pass(SETTLE_MS - 1);
    assert.deepEqual(scene.looks, [['one']]);
    await scene.pass(1);
    scene.cgroups.set('web', '0,3-7');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.looks.at(-1), ['web', 'one']);
    assert.equal(scene.reconciler.counts.drifted, 0);
    scene.assertAsWanted();
  });

  it('that is put back by others needs nothing', async (t) => {
    const scene = await foundDrift(t);
    scene.cgroups.set('web', '0,3-7');
    for (let passed = 0; passed < DRIFT_MS; passed += AFTER_MS / 2) {
      scene.reconciler.noteAnswer([]);
      await scene.pass(AFTER_MS / 2);
    }
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, []);
    scene.assertAsWanted();
  });

  it('is left alone as long as events come, which carry what is to be told', async (t) => {
    const scene = await foundDrift(t);
    for (let round = 0; round < 3; round++) {
      await scene.pass(AFTER_MS - 1);
      scene.reconciler.noteAnswer([]);
    }
    assert.deepEqual(scene.sent, []);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
  });

  it('is not put right while a turn is under way', async (t) => {
    const scene = await foundDrift(t);
    let end!: () => void;
    void scene.mailbox.run(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, []);
    end();
    await scene.mailbox.run(() => {});
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['web 0,3-7']]);
  });

  it('which ended meanwhile is nothing to put right', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    scene.cgroups.delete('web');
    await scene.pass(DRIFT_MS);
    scene.cgroups.set('web', '0');
    scene.read = async (requests) => {
      const readings = requests.map(({ id }) => scene.reading(id));
      scene.ledger.remove('web');
      return readings;
    };
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    assert.deepEqual(scene.complaints, []);
    assert.deepEqual(scene.sent, []);
  });

  it('because it was told others while it was looked at is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    scene.read = async (requests) => {
      const readings = requests.map(({ id }) => scene.reading(id));
      scene.create(integer('one', 2));
      return readings;
    };
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    scene.assertAsWanted();
  });

  it('because its cgroup has no cpuset of its own is told them again', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.read = async (requests) =>
      requests.map(({ id }) => ({ id, cpus: '', effective: undefined, mems: '' }));
    await scene.pass(DRIFT_MS - 1);
    scene.reconciler.noteAnswer([]);
    await scene.pass(1);
    assert.equal(`${scene.ledger.entries.get('one')?.seen}`, '0-7', 'may be anywhere');
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['one 1-2']]);
  });
});

describe('a pinned container on other memory nodes than it was told', () => {
  it('is found, counted and logged like one on other CPUs, and put right', async (t) => {
    const scene = new Scene(t, {}, '2 nodes, 4 cpus each');
    scene.create(annotated('pinned', '4-5'));
    scene.memory.set('pinned', '0-1');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, ['container is not on the memory nodes it was told']);
    const { container, told, found } = scene.log.at(-1)!;
    assert.deepEqual([container, told, found], ['default/pinned/main', '1', '0-1']);
    assert.deepEqual(scene.sent, [['pinned 4-5 mems 1']]);
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 1, repairs: 1, reconnects: 0 });
    scene.assertAsWanted();
  });

  it('is counted once, also when its CPUs are others, too', async (t) => {
    const scene = new Scene(t, {}, '2 nodes, 4 cpus each');
    scene.create(annotated('pinned', '4-5'));
    scene.memory.set('pinned', '0-1');
    scene.cgroups.set('pinned', '0-7');
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, [
      'container is not on the CPUs it was told',
      'container is not on the memory nodes it was told',
    ]);
    assert.equal(scene.reconciler.counts.drifted, 1);
    scene.assertAsWanted();
    assert.equal(scene.memory.get('pinned'), '1');
  });

  it('is as wanted where its cgroup says nothing of them, and there are no others', async (t) => {
    const scene = new Scene(t);
    scene.create(annotated('pinned', '4-5'));
    scene.memory.delete('pinned');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 0);
    assert.deepEqual(scene.sent, []);
  });
});

describe('a pool that has grown', () => {
  it('reaches containers beyond the budget after 10 quiet seconds', async (t) => {
    const scene = new Scene(t, { poolGrowth: { rate: 1, burst: 1 } });
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    scene.create(shared('shop'));
    scene.stop('one');
    assert.equal(scene.ledger.differences().growing.length, 1);
    await scene.pass(GROWTH_AFTER_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.equal(scene.sent.length, 1);
    scene.assertAsWanted();
  });

  it('asks nothing of the runtime where the budget allows no growth', async (t) => {
    for (const takesUpdates of [true, false]) {
      const scene = new Scene(t, { poolGrowth: { rate: 0, burst: 0 } });
      scene.takesUpdates = takesUpdates;
      scene.create(integer('one', 2));
      scene.create(shared('web'));
      scene.stop('one');
      const { epoch } = scene.ledger;
      await scene.pass(GROWTH_AFTER_MS);
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.reconnects, 0);
      assert.equal(scene.ledger.epoch, epoch);
      t.mock.timers.reset();
    }
  });
});

describe('an update without an event', () => {
  it('that fails is logged, and sent again after 5 seconds', async (t) => {
    const scene = await foundDrift(t);
    scene.update = async () => {
      throw new Error('busy');
    };
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    assert.equal(scene.complaints.at(-1), 'the runtime could not update all containers');
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(SETTLE_MS);
    await scene.pass(AFTER_MS - SETTLE_MS - 1);
    assert.equal(scene.sent.length, 1);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['web 0,3-7'], ['web 0,3-7']]);
    scene.assertAsWanted();
  });

  it('that fails although cgroups cannot be read is sent again too', async (t) => {
    const scene = await foundDrift(t);
    scene.read = async () => undefined;
    scene.update = async () => {
      throw new Error('busy');
    };
    await scene.pass(AFTER_MS);
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [['web 0,3-7'], ['web 0,3-7']]);
    scene.assertAsWanted();
  });

  it('that is carried out after a newer decision does not stay', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    const older = `${scene.ledger.entries.get('one')!.cpus}`;
    scene.update = async (updates) => {
      scene.create(annotated('other', older));
      scene.apply(updates);
    };
    await scene.pass(AFTER_MS - SETTLE_MS);
    const newer = `${scene.ledger.entries.get('one')!.cpus}`;
    assert.notEqual(newer, older);
    assert.equal(scene.cgroups.get('one'), older);
    scene.update = async (updates) => scene.apply(updates);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.sent, [[`one ${older}`], [`one ${newer}`]]);
    scene.assertAsWanted();
  });

  it('that is carried out before a newer decision needs nothing more', async (t) => {
    const scene = failedMove(t);
    await scene.pass(SETTLE_MS);
    scene.update = async (updates) => {
      scene.apply(updates);
      scene.create(annotated('other', `${updates[0]!.cpus}`));
    };
    await scene.pass(AFTER_MS - SETTLE_MS);
    await scene.pass(SETTLE_MS);
    await scene.pass(AFTER_MS);
    assert.equal(scene.sent.length, 1);
    scene.assertAsWanted();
  });
});

describe('a runtime that does not take updates without an event', () => {
  it('is connected to anew after 5 quiet seconds, at most once in 30 seconds', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    await scene.pass(AFTER_MS - 1);
    assert.equal(scene.reconnects, 0);
    await scene.pass(1);
    assert.equal(scene.reconnects, 1);
    for (let passed = AFTER_MS; passed < RECONNECT_EVERY_MS; passed += AFTER_MS) await scene.pass(AFTER_MS);
    assert.equal(scene.reconnects, 1);
    await scene.pass(AFTER_MS);
    assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 2 });
    assert.deepEqual(scene.sent, []);
  });

  it('is not connected to anew when all is as wanted', async (t) => {
    const scene = new Scene(t);
    scene.takesUpdates = false;
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    await scene.pass(10 * DRIFT_MS);
    assert.equal(scene.reconnects, 0);
  });

  it('and started this plugin is waited for, which is said once', async (t) => {
    const scene = await foundDrift(t);
    scene.takesUpdates = false;
    scene.canReconnect = false;
    for (let round = 0; round < 3; round++) await scene.pass(RECONNECT_EVERY_MS);
    assert.equal(scene.complaints.filter((line) => line.includes('before its next event')).length, 1);
    assert.equal(scene.reconciler.counts.reconnects, 0);
    scene.create(shared('shop'));
    scene.assertAsWanted();
  });
});

describe('cgroups', () => {
  it('that cannot be read are reported once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.read = async (requests) => requests.map(({ id }) => ({ id, problem: 'no-access' }));
    for (let round = 0; round < 3; round++) await scene.pass(DRIFT_MS);
    assert.equal(scene.looks.length, 3);
    assert.equal(scene.complaints.length, 1);
    assert.match(scene.complaints[0]!, /not verified/);
    scene.assertAsWanted();
  });

  it('that the host worker fails to read are looked at again', async (t) => {
    const scene = new Scene(t);
    scene.create(shared('web'));
    const { read } = scene;
    scene.read = async () => {
      throw new Error('no worker');
    };
    await scene.pass(DRIFT_MS);
    assert.deepEqual(scene.complaints, ['reconciling failed']);
    scene.read = read;
    scene.cgroups.set('web', '0');
    await scene.pass(DRIFT_MS);
    assert.equal(scene.reconciler.counts.drifted, 1);
  });
});

describe('after a list', () => {
  it('all containers are looked at as soon as the runtime has carried out the answer, and once', async (t) => {
    const scene = new Scene(t);
    scene.create(integer('one', 2));
    scene.create(shared('web'));
    await scene.pass(DRIFT_MS);
    const before = scene.looks.length;
    // As an instance leaves it that ends before it has looked.
    scene.cgroups.set('one', '0-7');
    scene.reconciler.noteAnswer([]);
    scene.reconciler.noteListed();
    await scene.pass(SETTLE_MS - 200);
    assert.equal(scene.looks.length, before);
    await scene.pass(200);
    assert.deepEqual(scene.looks.slice(before), [['one', 'web']]);
    assert.equal(scene.reconciler.counts.drifted, 1);
    await scene.pass(SETTLE_MS);
    assert.equal(scene.looks.length, before + 1);
  });
});

describe('an unplaced container', () => {
  it('is given CPUs that were released without an event to tell it, also where the pool is not to grow', async (t) => {
    const scene = new Scene(t, { poolGrowth: { rate: 0, burst: 0 } });
    const updates = scene.ledger.synchronize([
      on('1-5', integer('first', 5)),
      on('0,6-7', integer('second', 5)),
    ]);
    scene.apply(updates);
    scene.reconciler.noteAnswer(updates);
    assert.match(scene.ledger.entries.get('second')?.unplaced ?? '', /5 exclusive CPUs/);
    scene.ledger.remove('first');
    scene.reconciler.noteAnswer([]);
    await scene.pass(AFTER_MS - 1);
    assert.deepEqual(scene.sent, []);
    await scene.pass(1);
    assert.deepEqual(scene.sent, [['second 1-5']]);
  });
});

describe('a runtime that is away', () => {
  for (const takesUpdates of [true, false]) {
    it(`is told nothing before it is back, ${takesUpdates ? 'and then without an event' : 'nor connected to anew'}`, async (t) => {
      const scene = await foundDrift(t);
      scene.takesUpdates = takesUpdates;
      scene.isConnected = false;
      for (let times = 0; times < 3; times++) await scene.pass(RECONNECT_EVERY_MS);
      assert.deepEqual([scene.sent, scene.reconnects], [[], 0]);
      assert.deepEqual(scene.reconciler.counts, { drifted: 1, repaired: 0, repairs: 0, reconnects: 0 });
      scene.isConnected = true;
      await scene.pass(1);
      assert.deepEqual([scene.sent, scene.reconnects], takesUpdates ? [[['web 0,3-7']], 0] : [[], 1]);
    });
  }
});

describe('a reconciler that is closed, since another instance is active now,', () => {
  for (const [how, takesUpdates] of [
    ['sends nothing', true],
    ['does not connect anew', false],
  ] as const) {
    it(`${how} because of containers that it has looked at meanwhile`, async (t) => {
      const scene = new Scene(t);
      scene.takesUpdates = takesUpdates;
      scene.create(integer('one', 2));
      scene.create(shared('web'));
      scene.read = async (requests) => {
        scene.reconciler.close();
        scene.cgroups.set('web', '0-3');
        return requests.map(({ id }) => scene.reading(id));
      };
      await scene.pass(DRIFT_MS);
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.reconnects, 0);
      assert.deepEqual(scene.complaints, []);
    });
  }
});
