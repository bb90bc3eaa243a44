import type { ContainerView, StateView } from '../../../src/main/admin/api.ts';
import { loadConfig } from '../../../src/main/config.ts';

/** A state as the API tells it, of a host of 8 CPUs: two nodes of two cores with two threads. */
export function liveState({
  containers = [],
  ...state
}: Partial<Omit<StateView, 'containers'>> & {
  readonly containers?: readonly Partial<ContainerView>[];
}): StateView {
  return {
    epoch: 1,
    sequence: 0,
    time: 1_800_000_000_000,
    plugin: {
      name: '99-weka-cpuset',
      version: '1.2.3',
      instance: 'x',
      startedAt: 1_799_999_000_000,
      dryRun: false,
      pid: 7,
    },
    health: { live: true, ready: true, missing: [] },
    topology: {
      maxCpuId: 9,
      online: '0-7',
      offline: '8-9',
      isolated: '',
      cores: ['0,4', '1,5', '2,6', '3,7'],
      clusters: [],
      llcs: ['0-1,4-5', '2-3,6-7'],
      dies: [],
      packages: ['0-7'],
      nodes: [
        { id: 0, cpus: '0-1,4-5', memoryBytes: 2 ** 30, distances: [10, 12] },
        { id: 1, cpus: '2-3,6-7', memoryBytes: 2 ** 30, distances: [12, 10] },
      ],
      coreKinds: [],
    },
    settings: loadConfig({}),
    pool: '0-7',
    reserved: '',
    protected: '',
    containers: containers.map((container, row) => ({
      id: `${row}`.padStart(64, 'a'),
      namespace: 'default',
      pod: '',
      podUid: 'u1',
      container: 'main',
      kind: 'shared',
      reason: 'a reason',
      cpus: '',
      forbidden: '',
      since: 1_799_999_500_000,
      createdAt: 1_799_999_500_000,
      ...container,
    })),
    events: [],
    reconcile: { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 },
    notAsWanted: 0,
    ...state,
  };
}
