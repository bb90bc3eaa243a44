import { setFlagsFromString } from 'node:v8';

interface Flags {
  /** Code stays as it is, but for the simplest compiler. */
  readonly none: readonly string[];
  /** Code is optimized after a quarter of the calls that V8 would wait for. */
  readonly early: readonly string[];
}

/** By major version of V8, which complains of a flag that it does not know: their names change. */
const FLAGS: Readonly<Record<number, Flags>> = {
  // Node 20
  11: { none: ['--interrupt-budget=1000000'], early: ['--interrupt-budget=16000'] },
  // Node 24
  13: {
    none: ['--invocation-count-for-maglev=100000', '--invocation-count-for-turbofan=100000'],
    early: [
      '--invocation-count-for-maglev=100',
      '--invocation-count-for-turbofan=600',
      '--minimum-invocations-after-ic-update=100',
    ],
  },
};

/**
 * Keeps V8 from optimizing until `optimizeEarly`. While a list of 1000 containers is read and placed, which is once, the threads
 * that optimize would take more time than the program itself, and the CPUs from it: a third of the CPU time of a start, and
 * with two CPUs a tenth of its duration. To be called once the code caches are read: they are refused under other flags than
 * they were made with.
 */
export function optimizeNothing(): void {
  setFlags('none');
}

/**
 * Has V8 optimize what runs often sooner. A node has a few events in a minute, so what answers them would be interpreted for
 * hours; with this an answer takes 10 to 20 % less after a thousand of them.
 */
export function optimizeEarly(): void {
  setFlags('early');
}

function setFlags(when: keyof Flags): void {
  for (const flag of FLAGS[Number.parseInt(process.versions.v8, 10)]?.[when] ?? []) setFlagsFromString(flag);
}
