import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  adjustmentMessage,
  containerFacts,
  podFacts,
  updateMessages,
} from '../../../src/main/nri/messages.ts';
import {
  Container,
  ContainerAdjustment,
  ContainerUpdate,
  PodSandbox,
} from '../../../src/protocol/generated/nri.js';
import { MemoryPolicyMode } from '../../../src/protocol/nri.ts';
import { encode, type MessageType, type PartialMessage } from '../../../src/protocol/protobuf.ts';
import { cpuset } from '../ledger/fixtures.ts';

/** A message as the other side reads it. */
function received<T>(type: MessageType<T>, message: PartialMessage<NoInfer<T>>): T {
  return type.decode(encode(type, message));
}

describe('a pod', () => {
  test('is read from its sandbox', () => {
    const sandbox: PartialMessage<PodSandbox> = {
      id: 'p1',
      uid: 'u1',
      name: 'web-0',
      namespace: 'shop',
      annotations: { 'weka.io/cores-ids': '1' },
      linux: { cgroupParent: '/kubepods/podu1' },
    };
    assert.deepEqual(podFacts(received(PodSandbox, sandbox)), {
      id: 'p1',
      uid: 'u1',
      name: 'web-0',
      namespace: 'shop',
      annotations: { 'weka.io/cores-ids': '1' },
      cgroupParent: '/kubepods/podu1',
    });
  });

  test('may be told by nothing but an id, or not at all', () => {
    const bare = { id: '', uid: '', name: '', namespace: '', annotations: {}, cgroupParent: '' };
    assert.deepEqual(podFacts(received(PodSandbox, { id: 'p1' })), { ...bare, id: 'p1' });
    assert.deepEqual(podFacts(null), bare);
  });
});

describe('a container', () => {
  const facts = (container: PartialMessage<Container>) => containerFacts(received(Container, container), 7);

  test('is read with the resources that matter', () => {
    const read = facts({
      id: 'c1',
      name: 'main',
      createdAt: 5000,
      linux: {
        oomScoreAdj: { value: -997 },
        cgroupsPath: '/kubepods/podu1/c1',
        resources: {
          memory: { limit: { value: 1 << 20 } },
          cpu: {
            quota: { value: 200_000 },
            period: { value: 100_000 },
            shares: { value: 2048 },
            cpus: '0-1',
            mems: '0',
          },
        },
      },
    });
    assert.deepEqual(read, {
      id: 'c1',
      name: 'main',
      createdAt: 5000,
      oomScoreAdj: -997,
      cgroupsPath: '/kubepods/podu1/c1',
      resources: {
        quota: 200_000,
        period: 100_000,
        shares: 2048,
        memoryLimit: 1 << 20,
        cpus: '0-1',
        mems: '0',
      },
    });
  });

  test('tells apart what is 0 and what is not set', () => {
    const { resources } = facts({ id: 'c1', linux: { resources: { cpu: { quota: { value: 0 } } } } });
    assert.equal(resources.quota, 0);
    assert.equal(resources.period, undefined);
    assert.equal(facts({ id: 'c1' }).oomScoreAdj, undefined);
  });

  test("has the name in the kubelet's label when its own is empty", () => {
    const labels = { 'io.kubernetes.container.name': 'main' };
    assert.equal(facts({ id: 'c1', labels }).name, 'main');
    assert.equal(facts({ id: 'c1', name: 'own', labels }).name, 'own');
    assert.equal(facts({ id: 'c1' }).name, '');
  });

  test('of unknown age is as old as the caller says', () => {
    assert.equal(facts({ id: 'c1' }).createdAt, 7);
  });
});

describe('an update', () => {
  const resources = (update: Parameters<typeof updateMessages>[0][number]) => {
    const { containerId, linux, ignoreFailure } = received(ContainerUpdate, updateMessages([update])[0]!);
    assert.equal(containerId, 'c1');
    assert.equal(ignoreFailure, false);
    const { cpu, memory } = linux!.resources!;
    assert.equal(memory, null);
    return { cpus: cpu!.cpus, mems: cpu!.mems, quota: cpu!.quota?.value };
  };

  test('carries what is to change and leaves out the rest', () => {
    assert.deepEqual(resources({ id: 'c1', cpus: cpuset('0-3,5') }), {
      cpus: '0-3,5',
      mems: '',
      quota: undefined,
    });
    assert.deepEqual(resources({ id: 'c1', mems: '0-1', quota: -1 }), { cpus: '', mems: '0-1', quota: -1 });
  });

  test('carries its own changes, whatever those before it carry', () => {
    const [some, others] = [cpuset('0-3'), cpuset('4-7')];
    const updates = [
      { id: 'c1', cpus: some },
      { id: 'c2', cpus: some },
      { id: 'c3', cpus: some, mems: '1' },
      { id: 'c4', cpus: others },
      { id: 'c5', cpus: some },
    ];
    const told = updateMessages(updates).map((message) => {
      const { containerId, linux } = received(ContainerUpdate, message);
      return [containerId, linux!.resources!.cpu!.cpus, linux!.resources!.cpu!.mems];
    });
    assert.deepEqual(told, [
      ['c1', '0-3', ''],
      ['c2', '0-3', ''],
      ['c3', '0-3', '1'],
      ['c4', '4-7', ''],
      ['c5', '0-3', ''],
    ]);
  });
});

describe('the adjustment of a new container', () => {
  const adjusted = (preferredNodes: string | undefined, withMemoryPolicy: boolean) => {
    const answer = {
      adjustment: { id: 'c1', cpus: cpuset('4-5'), mems: '1' },
      updates: [],
      ...(preferredNodes !== undefined && { preferredNodes: cpuset(preferredNodes) }),
    };
    return received(ContainerAdjustment, adjustmentMessage(answer, withMemoryPolicy)).linux!;
  };

  test('carries its cpuset and memory nodes', () => {
    const { resources, memoryPolicy } = adjusted(undefined, true);
    assert.equal(resources!.cpu!.cpus, '4-5');
    assert.equal(resources!.cpu!.mems, '1');
    assert.equal(memoryPolicy, null);
  });

  test('prefers one node, or several of them', () => {
    const one = adjusted('1', true).memoryPolicy!;
    assert.deepEqual([one.mode, one.nodes], [MemoryPolicyMode.PREFERRED, '1']);
    const many = adjusted('0-1,3', true).memoryPolicy!;
    assert.deepEqual([many.mode, many.nodes], [MemoryPolicyMode.PREFERRED_MANY, '0-1,3']);
  });

  test('prefers nothing where the runtime cannot, or no node is known', () => {
    assert.equal(adjusted('1', false).memoryPolicy, null);
    assert.equal(adjusted('', true).memoryPolicy, null);
  });
});
