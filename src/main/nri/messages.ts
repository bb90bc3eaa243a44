import type { ContainerFacts, ContainerResources, PodFacts } from '../../placement/workload.ts';
import {
  type Container,
  ContainerUpdate as ContainerUpdateMessage,
  type LinuxResources,
  type PodSandbox,
} from '../../protocol/generated/nri.js';
import { MemoryPolicyMode } from '../../protocol/nri.ts';
import { encode, type PartialMessage, withFields } from '../../protocol/protobuf.ts';
import type { ContainerUpdate, CreateAnswer } from '../ledger/ledger.ts';

/** The label by which the kubelet names a container; CRI-O may leave the name itself empty at its creation. */
const NAME_LABEL = 'io.kubernetes.container.name';

export function podFacts(pod: PodSandbox | null): PodFacts {
  return {
    id: pod?.id ?? '',
    uid: pod?.uid ?? '',
    name: pod?.name ?? '',
    namespace: pod?.namespace ?? '',
    annotations: pod?.annotations ?? {},
    cgroupParent: pod?.linux?.cgroupParent ?? '',
  };
}

/** @param createdAt what to take for a container whose creation time the runtime does not tell */
export function containerFacts(container: Container, createdAt: number): ContainerFacts {
  return {
    id: container.id,
    name: container.name || (container.labels[NAME_LABEL] ?? ''),
    createdAt: container.createdAt || createdAt,
    oomScoreAdj: container.linux?.oomScoreAdj?.value,
    cgroupsPath: container.linux?.cgroupsPath,
    resources: containerResources(container.linux?.resources ?? null),
  };
}

export function containerResources(resources: LinuxResources | null): ContainerResources {
  const cpu = resources?.cpu;
  return {
    quota: cpu?.quota?.value,
    period: cpu?.period?.value,
    shares: cpu?.shares?.value,
    memoryLimit: resources?.memory?.limit?.value,
    cpus: cpu?.cpus,
    mems: cpu?.mems,
  };
}

const NO_FIELDS: Uint8Array = new Uint8Array(0);

/**
 * `ContainerUpdate` messages. An absent field leaves the runtime's value as it is. What several in a row are told alike is
 * encoded once: with a pool of 1024 CPUs that is a kilobyte for each, and encoding 20 of them took longer than deciding them.
 */
export function updateMessages(
  updates: readonly ContainerUpdate[],
): PartialMessage<ContainerUpdateMessage>[] {
  let last: ContainerUpdate | undefined;
  let linux = NO_FIELDS;
  return updates.map((update) => {
    const isAlike = last?.cpus === update.cpus && last?.mems === update.mems && last?.quota === update.quota;
    if (last === undefined || !isAlike) {
      linux = encode(ContainerUpdateMessage, { linux: { resources: resourcesMessage(update) } });
      last = update;
    }
    return withFields(linux, { containerId: update.id });
  });
}

/** A `ContainerAdjustment` message. */
export function adjustmentMessage(answer: CreateAnswer, withMemoryPolicy: boolean) {
  const { preferredNodes } = answer;
  return {
    linux: {
      resources: resourcesMessage(answer.adjustment),
      ...(withMemoryPolicy &&
        preferredNodes !== undefined &&
        !preferredNodes.isEmpty && {
          memoryPolicy: {
            mode: preferredNodes.size === 1 ? MemoryPolicyMode.PREFERRED : MemoryPolicyMode.PREFERRED_MANY,
            nodes: preferredNodes.toString(),
          },
        }),
    },
  };
}

function resourcesMessage({ cpus, mems, quota }: ContainerUpdate) {
  return {
    cpu: {
      ...(cpus !== undefined && { cpus: cpus.toString() }),
      ...(mems !== undefined && { mems }),
      ...(quota !== undefined && { quota: { value: quota } }),
    },
  };
}
