import { SynchronizeRequest } from '../../protocol/generated/nri.js';
import { encode } from '../../protocol/protobuf.ts';
import type { Container, Pod } from './host.ts';
import { nriContainer, nriPod } from './wire.ts';

/** The encodings of what was listed before: pods and containers are values, what changes is another one. */
const encoded = new WeakMap<Pod | Container, Uint8Array>();

/** A SynchronizeRequest with one pod. */
export function listedPod(pod: Pod): Uint8Array {
  return once(pod, () => encode(SynchronizeRequest, { pods: [nriPod(pod)] }));
}

/** A SynchronizeRequest with one container. */
export function listedContainer(container: Container): Uint8Array {
  return once(container, () => encode(SynchronizeRequest, { containers: [nriContainer(container)] }));
}

function once(listed: Pod | Container, encodeIt: () => Uint8Array): Uint8Array {
  const known = encoded.get(listed);
  if (known !== undefined) return known;
  const bytes = encodeIt();
  encoded.set(listed, bytes);
  return bytes;
}
