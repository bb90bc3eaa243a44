import type { Container as NriContainer, PodSandbox as NriPod } from '../../protocol/generated/nri.js';
import { Container, PodSandbox } from '../../protocol/generated/nri.js';
import { encode, type PartialMessage } from '../../protocol/protobuf.ts';

export interface SynchronizeChunk {
  readonly pods: readonly PartialMessage<NriPod>[];
  readonly containers: readonly PartialMessage<NriContainer>[];
  readonly more: boolean;
}

/** A tag and a length around each encoded pod or container, and `more`: never longer than this. */
const OVERHEAD = 8;

/**
 * Cuts a host's pods and containers into the messages of a Synchronize, each of at most `maxBytes`. Like containerd, it
 * doubles the number of messages until all fit and deals pods and containers out evenly, so that a container can come in
 * an earlier message than its pod.
 */
export function synchronizeChunks(
  pods: readonly PartialMessage<NriPod>[],
  containers: readonly PartialMessage<NriContainer>[],
  maxBytes: number,
): readonly SynchronizeChunk[] {
  const podSizes = pods.map((pod) => encode(PodSandbox, pod).length + OVERHEAD);
  const containerSizes = containers.map((container) => encode(Container, container).length + OVERHEAD);
  const fits = (count: number) =>
    Array.from({ length: count }, (_, index) => index).every(
      (index) =>
        sum(slice(podSizes, index, count)) + sum(slice(containerSizes, index, count)) + OVERHEAD <= maxBytes,
    );
  let count = 1;
  while (!fits(count)) {
    if (count > pods.length + containers.length)
      throw new RangeError(`one item is larger than ${maxBytes} bytes`);
    count *= 2;
  }
  return Array.from({ length: count }, (_, index) => ({
    pods: slice(pods, index, count),
    containers: slice(containers, index, count),
    more: index < count - 1,
  }));
}

/** The `index`th of `count` parts that are equally long but for the last ones. */
function slice<T>(items: readonly T[], index: number, count: number): readonly T[] {
  const length = Math.ceil(items.length / count);
  return items.slice(index * length, (index + 1) * length);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
