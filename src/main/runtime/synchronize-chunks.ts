import { SynchronizeRequest } from '../../protocol/generated/nri.js';
import { encode } from '../../protocol/protobuf.ts';

export interface SynchronizeChunk {
  /** The encoded request. */
  readonly request: Uint8Array;
  readonly more: boolean;
}

const MORE = encode(SynchronizeRequest, { more: true });

/**
 * Makes the messages of a Synchronize, each of at most `maxBytes`, of encoded requests with one pod or one container each.
 * Like containerd, it doubles the number of messages until all fit and deals pods and containers out evenly, so that a
 * container can come in an earlier message than its pod.
 */
export function synchronizeChunks(
  pods: readonly Uint8Array[],
  containers: readonly Uint8Array[],
  maxBytes: number,
): readonly SynchronizeChunk[] {
  for (let count = 1; ; count *= 2) {
    const parts = Array.from({ length: count }, (_, index) => [
      ...slice(pods, index, count),
      ...slice(containers, index, count),
    ]);
    if (parts.every((part) => lengthOf(part) + MORE.length <= maxBytes)) {
      return parts.map((part, index) => {
        const more = index < count - 1;
        // Encoded messages one after the other are the message that has the fields of all (Protocol Buffers, "Encoding").
        return { request: Buffer.concat(more ? [...part, MORE] : part), more };
      });
    }
    if (count > pods.length + containers.length)
      throw new RangeError(`one item is larger than ${maxBytes} bytes`);
  }
}

/** The `index`th of `count` parts that are equally long but for the last ones. */
function slice<T>(items: readonly T[], index: number, count: number): readonly T[] {
  const length = Math.ceil(items.length / count);
  return items.slice(index * length, (index + 1) * length);
}

function lengthOf(part: readonly Uint8Array[]): number {
  return part.reduce((total, { length }) => total + length, 0);
}
