import type { Topology } from './topology.ts';

/** `make`, which is called once for each topology: what is worked out of one is kept as long as it is. */
export function oncePerTopology<T extends object | undefined>(
  make: (topology: Topology) => T,
): (topology: Topology) => T {
  const made = new WeakMap<Topology, { readonly value: T }>();
  return (topology) => {
    let found = made.get(topology);
    if (found === undefined) {
      found = { value: make(topology) };
      made.set(topology, found);
    }
    return found.value;
  };
}
