import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { Mailbox } from '../../src/main/actor.ts';
import { type Config, DEFAULT_CONFIG } from '../../src/main/config.ts';
import { Journal } from '../../src/main/journal.ts';
import { type ContainerUpdate, Ledger } from '../../src/main/ledger/ledger.ts';
import type { Seen } from '../../src/main/ledger/synchronize.ts';
import { Reconciler, type ReconcilerOptions } from '../../src/main/reconciler.ts';
import type { CpusetReading } from '../../src/workers/host.ts';
import { annotated, integer, policyOf, shared, shown } from './ledger/fixtures.ts';

const { after, growthAfter, driftInterval } = DEFAULT_CONFIG.reconcile;
export const AFTER_MS = after * 1000;
export const GROWTH_AFTER_MS = growthAfter * 1000;
export const DRIFT_MS = driftInterval * 1000;
/** After an answer with one update. */
export const SETTLE_MS = 1100;
export const RECONNECT_EVERY_MS = 30_000;

/** A host of 8 CPUs with a reconciler whose clock only the test moves, and cgroups that are a map. */
export class Scene {
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
export function failedMove(context: TestContext): Scene {
  const scene = new Scene(context);
  scene.create(integer('one', 2));
  scene.create(annotated('pinned', scene.cgroups.get('one')!), { applied: false });
  return scene;
}

/** A shared container that was found to have been put on other CPUs right before an event. */
export async function foundDrift(context: TestContext): Promise<Scene> {
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
