import type { Instance } from './reassign-instance.ts';

/** How many terms of a plan's cost are sums over victims; they come first. */
export const VICTIM_TERMS = 6;
/** Position of the term that is about what stays free. */
export const FRAGMENTED = 6;

/**
 * Measures a victim's part of a plan's cost, in time that grows with the CPUs measured only. Its tables are all zero
 * between measurements.
 */
export class CostMeter {
  readonly #instance: Instance;
  readonly #inCore: Int32Array;
  readonly #onNode: Uint8Array;
  readonly #inLlc: Uint8Array;

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#inCore = new Int32Array(instance.layout.coreCount);
    this.#onNode = new Uint8Array(instance.layout.nodeCount);
    this.#inLlc = new Uint8Array(instance.layout.llcCount);
  }

  /** Writes the terms of `victim` on the CPUs `cpus[begin]` up to but not including `cpus[end]` to the start of `out`. */
  measure(victim: number, cpus: Int32Array, begin: number, end: number, out: Int32Array): void {
    const { home, wasOn, topology, layout, untouched, leftovers } = this.#instance;
    const { coreOf, nodeOf, llcOf } = topology;
    let whole = 0;
    let broken = 0;
    let changed = 0;
    let remote = 0;
    let nodes = 0;
    let llcs = 0;
    for (let i = begin; i < end; i++) {
      const cpu = cpus[i]!;
      const node = nodeOf[cpu]!;
      const llc = llcOf[cpu]!;
      const core = coreOf[cpu]!;
      if (home[cpu] !== victim) changed++;
      if (wasOn[victim * layout.nodeCount + node] === 0) remote++;
      if (this.#onNode[node] === 0) nodes++;
      if (this.#inLlc[llc] === 0) llcs++;
      this.#onNode[node] = 1;
      this.#inLlc[llc] = 1;
      const held = this.#inCore[core]! + 1;
      this.#inCore[core] = held;
      if (held === 1) broken++;
      if (held === layout.coreSize[core]) {
        broken--;
        whole++;
      }
    }
    for (let i = begin; i < end; i++) {
      const cpu = cpus[i]!;
      this.#inCore[coreOf[cpu]!] = 0;
      this.#onNode[nodeOf[cpu]!] = 0;
      this.#inLlc[llcOf[cpu]!] = 0;
    }
    out[0] = Math.max(0, leftovers[victim]!.length - (whole - untouched[victim]!));
    out[1] = changed;
    out[2] = remote;
    out[3] = broken;
    out[4] = nodes;
    out[5] = llcs;
  }
}
