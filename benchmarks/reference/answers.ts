import { dial, NRI_VERSION, REGISTRATION_TIMEOUT_MS } from '../../src/main/nri/connection.ts';
import { updateMessages } from '../../src/main/nri/messages.ts';
import { optimizeEarly } from '../../src/main/optimize-early.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { Event, eventMask, PluginConnection } from '../../src/protocol/nri.ts';

// No plugin that answers as ours does can be faster than this one: it reads each request, and answers a creation with a cpuset and
// updates of other containers, but decides nothing: it says the same of all.
// Usage: answers.ts SOCKET [UPDATES WITH AN INTEGER CONTAINER] [UPDATES WITH AN ANNOTATED ONE]

const [socket = '', ofInteger = '0', ofAnnotated = '0'] = process.argv.slice(2);
/** Of the main container of a Guaranteed pod (kubelet, pkg/kubelet/qos). */
const GUARANTEED_OOM_SCORE = -997;

/** As long a list as the pool's of a busy host of 1024 CPUs. */
const cpus = Cpuset.fromRanges(
  Array.from({ length: 16 }, (_, index) => [64 * index, 64 * index + 31] as const),
);
const running = new Set<string>();

/** Updates of the containers that have run for longest. */
function updates(count: number) {
  const ids: string[] = [];
  for (const id of running) {
    if (ids.length === count) break;
    ids.push(id);
  }
  return updateMessages(ids.map((id) => ({ id, cpus })));
}

const connection = new PluginConnection(await dial(socket, new AbortController().signal), {
  configure: () => ({
    events: eventMask(
      Event.CREATE_CONTAINER,
      Event.UPDATE_CONTAINER,
      Event.STOP_CONTAINER,
      Event.REMOVE_CONTAINER,
      Event.STOP_POD_SANDBOX,
    ),
  }),
  synchronize: ({ more }) => ({ more, update: [] }),
  createContainer: ({ pod, container }) => {
    const isAnnotated = pod?.annotations['weka.io/cores-ids'] !== undefined;
    const isInteger = container?.linux?.oomScoreAdj?.value === GUARANTEED_OOM_SCORE;
    const update = updates(Number(isAnnotated ? ofAnnotated : isInteger ? ofInteger : 0));
    running.add(container?.id ?? '');
    return { adjust: { linux: { resources: { cpu: { cpus: cpus.toString() } } } }, update };
  },
  updateContainer: () => ({ update: [] }),
  stopContainer: ({ container }) => {
    running.delete(container?.id ?? '');
    return { update: [] };
  },
  removeContainer: () => ({}),
  stopPodSandbox: () => ({}),
  shutdown: () => ({}),
});
await connection.registerPlugin(
  { pluginName: 'answers', pluginIdx: '97', NRIVersion: NRI_VERSION },
  REGISTRATION_TIMEOUT_MS,
);
optimizeEarly();
await connection.closed;
