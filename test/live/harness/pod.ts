import { MAX_CPU_ID } from '../../../src/main/settings.ts';
import { parseCpuList } from '../../../src/placement/cpulist.ts';
import type { Cpuset } from '../../../src/placement/cpuset.ts';
import { kubectl, read } from './kubectl.ts';
import type { Resources } from './pod-object.ts';
import { until } from './until.ts';

/** What the API tells of a pod. */
interface PodView {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly resources: Resources }[] };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
      readonly containerID?: string;
      /** What is in force, where the cluster tells. */
      readonly resources?: Resources;
      readonly state: { readonly waiting?: { readonly reason: string; readonly message?: string } };
    }[];
  };
}

/** A pod on the cluster under test. */
export class Pod {
  readonly name: string;
  readonly #namespace: string;

  constructor(name: string, namespace: string) {
    this.name = name;
    this.#namespace = namespace;
  }

  /** Waits until all containers run. @throws Error with the reason if one is refused or the pod does not fit */
  async started(): Promise<void> {
    await until(`pod ${this.name} runs`, async () => {
      const { spec, status } = await this.#view();
      const unscheduled = status.conditions?.find(({ reason }) => reason === 'Unschedulable');
      const problem = unscheduled?.message ?? problemOf(status);
      if (problem !== undefined) throw new Error(`Pod ${this.name} cannot run: ${problem}`);
      return status.containerStatuses?.filter(({ ready }) => ready).length === spec.containers.length;
    });
  }

  /** Waits until the creation of a container is refused, and returns the reason. */
  async refusal(): Promise<string> {
    let problem: string | undefined;
    await until(`pod ${this.name} is refused`, async () => {
      problem = problemOf((await this.#view()).status);
      return problem !== undefined;
    });
    return problem ?? '';
  }

  /** Where the kernel lets the container run, by its own word. @throws Error if its processes disagree on that */
  async cpus(container = 'main'): Promise<Cpuset> {
    const status = await kubectl([
      'exec',
      `--namespace=${this.#namespace}`,
      this.name,
      `--container=${container}`,
      '--',
      'cat',
      '/proc/1/status',
      '/proc/self/status',
    ]);
    const lists = [...status.matchAll(/^Cpus_allowed_list:\s*(\S+)/gm)].map(([, list = '']) => list);
    if (lists.length !== 2 || lists[0] !== lists[1]) {
      throw new Error(
        `Processes of ${this.name}/${container} may run on different CPUs: ${lists.join(' and ')}`,
      );
    }
    return parseCpuList(lists[0]!, { max: MAX_CPU_ID });
  }

  /** Changes the resources of `main` while it runs. */
  async resize(resources: Resources): Promise<void> {
    const pod = await this.#view();
    const containers = pod.spec.containers.map((container) =>
      container.name === 'main' ? { ...container, resources } : container,
    );
    // By its path: older kubectl has no name for it.
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${this.name}/resize`;
    await kubectl(['replace', `--raw=${path}`, '--filename=-'], {
      ...pod,
      spec: { ...pod.spec, containers },
    });
  }

  /** Whether the CPU limit of `main` is in force that these resources have. */
  async hasCpuLimit({ limits }: Resources): Promise<boolean> {
    const { containerStatuses = [] } = (await this.#view()).status;
    return containerStatuses.some(
      ({ name, resources }) => name === 'main' && resources?.limits?.cpu === limits?.cpu,
    );
  }

  /** Ids of its containers, which are others after a restart. */
  async containerIds(): Promise<readonly string[]> {
    const { containerStatuses = [] } = (await this.#view()).status;
    return containerStatuses.map(({ containerID = '', restartCount }) => `${containerID} ${restartCount}`);
  }

  /** Deletes it and waits until it is gone. */
  async remove(): Promise<void> {
    await kubectl(['delete', 'pod', this.name, `--namespace=${this.#namespace}`, '--timeout=180s']);
  }

  #view(): Promise<PodView> {
    return read<PodView>(['get', 'pod', this.name, `--namespace=${this.#namespace}`]);
  }
}

/** What keeps a container from running, where it will not go away by itself. */
function problemOf({ containerStatuses = [] }: PodView['status']): string | undefined {
  const waiting = containerStatuses.flatMap(({ state }) => state.waiting ?? []);
  const stuck = waiting.find(({ reason }) =>
    ['CreateContainerError', 'RunContainerError', 'ImagePullBackOff', 'InvalidImageName'].includes(reason),
  );
  return stuck && `${stuck.reason}: ${stuck.message ?? ''}`;
}
