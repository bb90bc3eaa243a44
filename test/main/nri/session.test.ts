import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TtrpcStatusError } from '../../../src/protocol/errors.ts';
import type { ContainerUpdate } from '../../../src/protocol/generated/nri.js';
import { ContainerState, Event, eventMask, MemoryPolicyMode } from '../../../src/protocol/nri.ts';
import { annotated, integer, on, shared } from '../ledger/fixtures.ts';
import { adjusted, CONTAINERD, listed, resources, type Setup, setUp, TIMEOUT_MS, told } from './fixtures.ts';

function shown(updates: readonly ContainerUpdate[]): readonly string[] {
  return updates.map(({ containerId, linux }) => `${containerId} ${linux?.resources?.cpu?.cpus}`);
}

describe('Configure', () => {
  test('is answered with the events that are needed, and no others', async (t) => {
    const { runtime } = await setUp(t, { configure: 'never' });
    const { events } = await runtime.configure(CONTAINERD, TIMEOUT_MS);
    const { CREATE_CONTAINER, UPDATE_CONTAINER, STOP_CONTAINER, REMOVE_CONTAINER, STOP_POD_SANDBOX } = Event;
    const needed = [CREATE_CONTAINER, UPDATE_CONTAINER, STOP_CONTAINER, REMOVE_CONTAINER, STOP_POD_SANDBOX];
    assert.equal(events, eventMask(...needed));
  });

  test("hands on the runtime's configuration and what the runtime is", async (t) => {
    const { configured } = await setUp(t, { configure: { ...CONTAINERD, config: 'debug: true' } });
    const nri = { major: 0, minor: 8, patch: 0 };
    const runtime = { name: 'containerd', version: 'v2.1.0', nri, requestTimeout: TIMEOUT_MS };
    assert.deepEqual(configured, [{ text: 'debug: true', runtime }]);
  });

  test('may leave out how long calls may take: then it is two seconds', async (t) => {
    const { configured } = await setUp(t, { configure: { ...CONTAINERD, requestTimeout: 0 } });
    assert.equal(configured[0]?.runtime.requestTimeout, 2000);
  });

  test('is refused with the reason when the configuration is bad', async (t) => {
    const { runtime } = await setUp(t, { configure: 'never' });
    const call = runtime.configure({ ...CONTAINERD, config: 'bad' }, TIMEOUT_MS);
    await assert.rejects(call, /no such setting: bad/);
  });
});

describe('Synchronize', () => {
  test('waits for the host to be read, when Configure is answered already', async (t) => {
    let finish!: () => void;
    const hostRead = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { runtime, ledger } = await setUp(t, { hostRead });
    const { pod, container } = told(on('0-1', integer('db', 2)));
    const listed = runtime.synchronize({ pods: [pod], containers: [container] }, TIMEOUT_MS);
    await new Promise(setImmediate);
    assert.equal(ledger.entries.size, 0);
    finish();
    await listed;
    assert.equal(`${ledger.entries.get('db')?.cpus}`, '0-1');
  });

  test('is answered with the updates of what it lists', async (t) => {
    const { runtime } = await setUp(t);
    const list = listed(told(shared('web')), told(annotated('io', '1-2')));
    const { update, more } = await runtime.synchronize(list, TIMEOUT_MS);
    assert.deepEqual(shown(update), ['web 0,3-7', 'io 1-2']);
    assert.equal(more, false);
  });

  test('in several messages is answered when all are there', async (t) => {
    const { runtime, ledger } = await setUp(t);
    const [web, io] = [told(shared('web')), told(annotated('io', '1-2'))];
    for (const chunk of [
      { pods: [web.pod], containers: [] },
      { pods: [io.pod], containers: [web.container] },
    ]) {
      const answer = await runtime.synchronize({ ...chunk, more: true }, TIMEOUT_MS);
      assert.deepEqual([answer.more, answer.update.length], [true, 0]);
      assert.equal(ledger.entries.size, 0);
    }
    const { update, more } = await runtime.synchronize({ containers: [io.container] }, TIMEOUT_MS);
    assert.equal(more, false);
    assert.deepEqual(shown(update), ['web 0,3-7', 'io 1-2']);
  });

  test('begins anew the next time', async (t) => {
    const { runtime, ledger } = await setUp(t);
    await runtime.synchronize(listed(told(shared('web')), told(integer('db', 2))), TIMEOUT_MS);
    await runtime.synchronize(listed(told(shared('web'))), TIMEOUT_MS);
    assert.deepEqual([...ledger.entries.keys()], ['web']);
  });

  test('ignores containers that have stopped', async (t) => {
    const { runtime, ledger } = await setUp(t);
    const states = Object.entries(ContainerState).map(([name, state]) => told(shared(name), state));
    await runtime.synchronize(listed(...states), TIMEOUT_MS);
    assert.deepEqual([...ledger.entries.keys()].sort(), ['CREATED', 'PAUSED', 'RUNNING', 'UNKNOWN']);
  });

  test('copes with a container whose pod is not listed', async (t) => {
    const { runtime, ledger } = await setUp(t);
    await runtime.synchronize({ containers: [told(integer('db', 2)).container] }, TIMEOUT_MS);
    assert.equal(ledger.entries.get('db')?.cpus.size, 2);
  });
});

describe('CreateContainer', () => {
  test('is answered with the cpuset of the container and the updates of others', async (t) => {
    const { runtime } = await setUp(t);
    await runtime.createContainer(told(shared('web')), TIMEOUT_MS);
    const answer = await runtime.createContainer(told(annotated('io', '5')), TIMEOUT_MS);
    assert.equal(adjusted(answer)?.cpus, '5');
    assert.equal(adjusted(answer)?.mems, '1');
    assert.deepEqual(shown(answer.update), ['web 0-4,6-7']);
  });

  test('that is refused is answered with the reason, and the connection stays', async (t) => {
    const { runtime } = await setUp(t);
    const call = runtime.createContainer(told(integer('db', 9)), TIMEOUT_MS);
    await assert.rejects(call, (error: Error) => {
      assert.ok(error instanceof TtrpcStatusError);
      assert.match(error.message, /default\/db\/main: integer container asks for 9 exclusive CPUs/);
      return true;
    });
    await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
  });

  test("takes the container's name from the kubelet's label when it has none", async (t) => {
    const { runtime } = await setUp(t);
    const { pod, container } = told(shared('io', { annotations: { 'weka.io/cores-ids.nic': '3' } }));
    const labels = { 'io.kubernetes.container.name': 'nic' };
    const answer = await runtime.createContainer(
      { pod, container: { ...container, name: '', labels } },
      TIMEOUT_MS,
    );
    assert.equal(adjusted(answer)?.cpus, '3');
  });

  test('takes the current time for the age that the runtime does not tell', async (t) => {
    const { runtime, ledger } = await setUp(t);
    await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    assert.ok(ledger.entries.get('db')!.container.createdAt > 1e18);
  });

  test('without a container is answered with nothing', async (t) => {
    const { runtime } = await setUp(t);
    const { adjust, update } = await runtime.createContainer({}, TIMEOUT_MS);
    assert.deepEqual([adjust, update], [null, []]);
  });
});

describe('the memory policy of an annotated container', () => {
  const preferring = { config: { numaMemoryPolicy: 'preferred' } } as const;
  const memoryPolicy = async (setup: Setup, cpus: string) => {
    const answer = await setup.runtime.createContainer(told(annotated('io', cpus)), TIMEOUT_MS);
    assert.equal(adjusted(answer)?.mems, '');
    return answer.adjust?.linux?.memoryPolicy;
  };

  test('is told to runtimes with NRI 0.12', async (t) => {
    const configure = { ...CONTAINERD, NRIVersion: '0.12.0' };
    const setup = await setUp(t, { ...preferring, configure });
    const many = await memoryPolicy(setup, '3-4');
    assert.deepEqual([many?.mode, many?.nodes], [MemoryPolicyMode.PREFERRED_MANY, '0-1']);
    const one = await memoryPolicy(setup, '4');
    assert.deepEqual([one?.mode, one?.nodes], [MemoryPolicyMode.PREFERRED, '1']);
  });

  test('is not told to older ones', async (t) => {
    const setup = await setUp(t, { ...preferring, configure: { ...CONTAINERD, NRIVersion: '0.11.0' } });
    assert.equal(await memoryPolicy(setup, '3-4'), null);
    assert.equal(await memoryPolicy(setup, '4'), null);
  });

  test('is not told unless it is preferred', async (t) => {
    const { runtime } = await setUp(t, { configure: { ...CONTAINERD, NRIVersion: '0.12.0' } });
    const answer = await runtime.createContainer(told(annotated('io', '4')), TIMEOUT_MS);
    assert.equal(answer.adjust?.linux?.memoryPolicy, null);
    assert.equal(adjusted(answer)?.mems, '1');
  });
});

describe('UpdateContainer', () => {
  test("is answered with other containers' updates, then the container's own", async (t) => {
    const { runtime } = await setUp(t);
    await runtime.createContainer(told(shared('web')), TIMEOUT_MS);
    await runtime.createContainer(told(integer('db', 1)), TIMEOUT_MS);
    const linuxResources = resources(integer('db', 2).container.resources);
    const { update } = await runtime.updateContainer(
      { ...told(integer('db', 1)), linuxResources },
      TIMEOUT_MS,
    );
    assert.deepEqual(shown(update), ['web 0,3-7', 'db 1-2']);
  });

  test('that is refused is answered with the reason', async (t) => {
    const { runtime, ledger } = await setUp(t);
    await runtime.createContainer(told(integer('db', 1)), TIMEOUT_MS);
    const linuxResources = resources(integer('db', 9).container.resources);
    const call = runtime.updateContainer({ ...told(integer('db', 1)), linuxResources }, TIMEOUT_MS);
    await assert.rejects(call, /update container default\/db\/main: integer container asks for 9/);
    assert.equal(ledger.entries.get('db')?.cpus.size, 1);
  });

  test('of a container that was never seen is answered with where it is', async (t) => {
    const { runtime } = await setUp(t);
    const linuxResources = {};
    const { update } = await runtime.updateContainer(
      { ...told(on('6-7', integer('db', 2))), linuxResources },
      TIMEOUT_MS,
    );
    assert.deepEqual(shown(update), ['db 6-7']);
  });
});

describe('the end of a container', () => {
  const stopped = [{ container: { id: 'db' } }, { pod: { id: 'pod-db' }, container: { id: 'db' } }];

  test('frees its CPUs, although the event shows no more than an id', async (t) => {
    const { runtime, ledger } = await setUp(t);
    await runtime.createContainer(told(shared('web')), TIMEOUT_MS);
    for (const event of stopped) {
      await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
      const { update } = await runtime.stopContainer(event, TIMEOUT_MS);
      assert.deepEqual(shown(update), ['web 0-7']);
      assert.equal(ledger.pool.size, 8);
    }
  });

  test('comes as a method of its own or as a change of state', async (t) => {
    const { runtime, ledger } = await setUp(t);
    for (const remove of [
      () => runtime.removeContainer({ container: { id: 'db' } }, TIMEOUT_MS),
      () => runtime.stateChange({ event: Event.REMOVE_CONTAINER, container: { id: 'db' } }, TIMEOUT_MS),
    ]) {
      await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
      assert.equal(ledger.pool.size, 6);
      await remove();
      assert.equal(ledger.pool.size, 8);
    }
  });

  test('of something that was never seen is answered', async (t) => {
    const { runtime } = await setUp(t);
    const { update } = await runtime.stopContainer({ container: { id: 'x' } }, TIMEOUT_MS);
    assert.deepEqual(update, []);
    await runtime.removeContainer({ container: { id: 'x' } }, TIMEOUT_MS);
    await runtime.removeContainer({}, TIMEOUT_MS);
  });
});

describe('the end of a pod', () => {
  test('frees the CPUs of a container that could not be created, of which nothing else is told', async (t) => {
    const { runtime, ledger } = await setUp(t);
    const db = told(integer('db', 2));
    await runtime.createContainer(db, TIMEOUT_MS);
    await runtime.createContainer(told(integer('web', 1)), TIMEOUT_MS);
    await runtime.stopPodSandbox(db, TIMEOUT_MS);
    assert.deepEqual([...ledger.entries.keys()], ['web']);
    assert.equal(ledger.pool.size, 7);
  });

  test('leaves what runs in another sandbox of it', async (t) => {
    const { runtime, ledger } = await setUp(t);
    const db = told(integer('db', 2));
    await runtime.createContainer(db, TIMEOUT_MS);
    await runtime.stopPodSandbox({ pod: { ...db.pod, id: 'an earlier one' } }, TIMEOUT_MS);
    assert.deepEqual([...ledger.entries.keys()], ['db']);
  });

  test('of something that was never seen is answered', async (t) => {
    const { runtime } = await setUp(t);
    await runtime.stopPodSandbox({ pod: { id: 'x', uid: 'y' } }, TIMEOUT_MS);
    await runtime.stopPodSandbox({ pod: { id: '', uid: '' } }, TIMEOUT_MS);
    await runtime.stopPodSandbox({}, TIMEOUT_MS);
  });
});

test('events that were not asked for are answered', async (t) => {
  const { runtime } = await setUp(t);
  await runtime.runPodSandbox({ pod: { id: 'p' } }, TIMEOUT_MS);
  await runtime.stateChange({ event: Event.START_CONTAINER, container: { id: 'x' } }, TIMEOUT_MS);
  await runtime.shutdown({}, TIMEOUT_MS);
});

describe('While another instance decides', () => {
  test('events are answered with nothing, and change nothing', async (t) => {
    const { runtime, ledger } = await setUp(t, { takeOver: async () => false });
    const { adjust, update } = await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
    assert.deepEqual([adjust, update], [null, []]);
    assert.deepEqual((await runtime.updateContainer(told(integer('db', 2)), TIMEOUT_MS)).update, []);
    assert.deepEqual((await runtime.stopContainer(told(integer('db', 2)), TIMEOUT_MS)).update, []);
    await runtime.removeContainer(told(integer('db', 2)), TIMEOUT_MS);
    assert.equal(ledger.entries.size, 0);
  });

  test('a list is answered when this one has taken over, and with nothing if it cannot', async (t) => {
    for (const takesOver of [true, false]) {
      const { runtime } = await setUp(t, { takeOver: async () => takesOver });
      const { update, more } = await runtime.synchronize(listed(told(annotated('io', '1-2'))), TIMEOUT_MS);
      assert.deepEqual([shown(update), more], [takesOver ? ['io 1-2'] : [], false]);
    }
  });
});

test('an event before Configure is an error', async (t) => {
  const { runtime } = await setUp(t, { configure: 'never' });
  const call = runtime.createContainer(told(shared('web')), TIMEOUT_MS);
  await assert.rejects(call, /before Configure/);
  await runtime.configure(CONTAINERD, TIMEOUT_MS);
  await runtime.createContainer(told(shared('web')), TIMEOUT_MS);
});

test('a runtime that never lists anything is served', async (t) => {
  const { runtime } = await setUp(t);
  const answer = await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
  assert.equal(adjusted(answer)?.cpus, '1-2');
});

describe('a dry run', () => {
  test('decides everything and changes nothing', async (t) => {
    const { runtime, ledger } = await setUp(t, { dryRun: true });
    const { update } = await runtime.synchronize(listed(told(shared('web'))), TIMEOUT_MS);
    const created = await runtime.createContainer(told(annotated('io', '1')), TIMEOUT_MS);
    const updated = await runtime.updateContainer(told(annotated('io', '1')), TIMEOUT_MS);
    const ended = await runtime.stopContainer({ container: { id: 'io' } }, TIMEOUT_MS);
    assert.deepEqual([update, created.update, updated.update, ended.update], [[], [], [], []]);
    assert.equal(created.adjust, null);
    assert.deepEqual([...ledger.entries.keys()], ['web']);
  });

  test('refuses nothing', async (t) => {
    const { runtime } = await setUp(t, { dryRun: true });
    const created = await runtime.createContainer(told(integer('db', 9)), TIMEOUT_MS);
    assert.equal(created.adjust, null);
    await runtime.createContainer(told(integer('db', 1)), TIMEOUT_MS);
    const linuxResources = resources(integer('db', 9).container.resources);
    await runtime.updateContainer({ ...told(integer('db', 1)), linuxResources }, TIMEOUT_MS);
  });
});
