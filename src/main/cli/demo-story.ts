import { Cpuset } from '../../placement/cpuset.ts';
import type { Topology } from '../../placement/topology.ts';
import type { AppliedUpdate, RuntimeEvent } from '../runtime/events.ts';
import type { ContainerSpec, PodSpec } from '../runtime/kubelet.ts';
import type { EmbeddedRuntime } from '../runtime/runtime.ts';

/** Fewer CPUs than this have no room for the story. */
export const MIN_STORY_CPUS = 64;

const NAMESPACE = 'demo';
const REPETITIONS = 100;

/** Tells a story as it happens. */
export interface Narrator {
  chapter(title: string): void;
  event(event: RuntimeEvent): Promise<void>;
  /** The same thing many times over. */
  repetition(events: readonly RuntimeEvent[]): void;
  map(title: string): void;
  /** Says that something is not as the story has it. */
  surprise(message: string): void;
}

/** A day on a node: a mixed workload, a collision, containers that grow, are refused and end. */
export async function tellStory(
  runtime: EmbeddedRuntime,
  topology: Topology,
  narrator: Narrator,
): Promise<void> {
  const create = async (pod: PodSpec, container: ContainerSpec): Promise<RuntimeEvent> => {
    const event = await runtime.createContainer(await runtime.runPod(pod), container);
    await narrator.event(event);
    return event;
  };
  const cpusOf = (event: RuntimeEvent): Cpuset => runtime.container(idOf(event)).resources.cpus;
  const expect = (holds: boolean, message: string): void => {
    if (!holds) narrator.surprise(message);
  };
  const expectCount = (event: RuntimeEvent, count: number): void => {
    const cpus = event.container?.resources.cpus.size ?? 0;
    expect(
      event.ok && cpus === count,
      `${event.container?.name} should have ${count} CPUs of its own, it has ${cpus}`,
    );
  };

  narrator.chapter('A mixed workload: a pinned database, a training job with 8 whole CPUs, a web tier');
  const database = await create(pinnedPod('database', Cpuset.range(0, 3)), {
    name: 'postgres',
    cpus: { limit: 4 },
  });
  expectCount(database, 4);
  const training = await create(guaranteedPod('training'), { name: 'trainer', cpus: { limit: 8 } });
  expectCount(training, 8);
  for (const name of ['web-1', 'web-2', 'web-3']) {
    const event = await create({ name, namespace: NAMESPACE }, { name: 'nginx', cpus: { request: 0.5 } });
    expect(event.ok, `${name} should run in the pool`);
  }
  narrator.map('Before');

  const wanted = twoCoresOf(cpusOf(training), topology);
  narrator.chapter(`A pinned pod asks for CPUs ${wanted}, which the training job is running on`);
  const packets = await create(pinnedPod('packets', wanted), { name: 'dpdk', cpus: { limit: wanted.size } });
  expectCount(packets, wanted.size);
  expect(packets.updates.some(isMoveOf(training)), 'the training job should have been moved');

  const forbidden = Cpuset.range(0, topology.maxCpuId >> 2);
  narrator.chapter(`Four whole CPUs for a pod that forbids ${forbidden}, and a job that grows while it runs`);
  const inference = await create(
    { ...guaranteedPod('inference'), annotations: { 'weka.io/forbid-core-ids': `${forbidden}` } },
    { name: 'server', cpus: { limit: 4 } },
  );
  expectCount(inference, 4);
  const grown = await runtime.updateContainer(idOf(training), { cpus: { limit: 12 } });
  await narrator.event(grown);
  expectCount(grown, 12);
  narrator.map('After');

  const missing = Cpuset.from([topology.maxCpuId + 1]);
  narrator.chapter(`A mistake: a pod pins CPU ${missing}, which this host does not have`);
  const mistake = await create(pinnedPod('mistake', missing), { name: 'app', cpus: { limit: 1 } });
  expect(!mistake.ok, 'a pin to a CPU that does not exist should be refused');

  narrator.chapter('Containers end: their CPUs go back to the pool');
  for (const ended of [packets, database, training]) {
    const event = await runtime.stopContainer(idOf(ended));
    await narrator.event(event);
    expect(event.updates.length > 0, 'the pool should have grown');
  }

  narrator.chapter(`${REPETITIONS} times in a row: a pod that is pinned to CPUs of a running job, and ends`);
  const job = await create(guaranteedPod('job'), { name: 'solver', cpus: { limit: 8 } });
  const collisions: RuntimeEvent[] = [];
  for (let round = 1; round <= REPETITIONS; round++) {
    const pod = await runtime.runPod(pinnedPod(`burst-${round}`, twoCoresOf(cpusOf(job), topology)));
    const event = await runtime.createContainer(pod, { name: 'app' });
    expect(event.ok && event.updates.some(isMoveOf(job)), `the job should have been moved in round ${round}`);
    collisions.push(event);
    await runtime.removePod(pod);
  }
  narrator.repetition(collisions);
}

function isMoveOf(created: RuntimeEvent): (update: AppliedUpdate) => boolean {
  return ({ containerId }) => containerId === created.container?.id;
}

function guaranteedPod(name: string): PodSpec {
  return { name, namespace: NAMESPACE, qos: 'guaranteed' };
}

function pinnedPod(name: string, cpus: Cpuset): PodSpec {
  return { ...guaranteedPod(name), annotations: { 'weka.io/cores-ids': `${cpus}` } };
}

function idOf({ container }: RuntimeEvent): string {
  if (container === undefined) throw new Error('the event is not about a container');
  return container.id;
}

function twoCoresOf(cpus: Cpuset, topology: Topology): Cpuset {
  const cores = topology.cores.filter((core) => core.intersects(cpus)).slice(0, 2);
  return Cpuset.union(cores).intersect(cpus);
}
