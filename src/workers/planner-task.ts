import { Cpuset } from '../placement/cpuset.ts';
import type { Move, PlanCost, ReassignRequest } from '../placement/plan.ts';
import type { PackedTopology } from '../placement/topology-arrays.ts';

/**
 * A request and its first plan in shared memory, as 32-bit words. A set of CPUs is a bitset of as many words as the
 * largest one needs (`Cpuset.toWords`). Container ids stay at home: victims are known by their position.
 *
 * ```text
 * number of victims | words of a set | minShared | requested | available | pool | of each victim: cpus | forbidden | to
 * ```
 */
export type PackedProblem = Uint32Array<SharedArrayBuffer>;

const HEADER = 3;

/** What a planner worker is asked for: a plan that is better than the first one. */
export interface PlannerTask {
  /** Of the snapshot that the request is taken from. */
  readonly epoch: number;
  readonly seed: number;
  /** When to stop, on the clock of `process.hrtime.bigint()`: the only one that all threads read the same. */
  readonly deadline: bigint;
  readonly topology: PackedTopology;
  /** Another number means another topology; a worker unpacks each once. */
  readonly topologyVersion: number;
  readonly problem: PackedProblem;
  /** Of the first plan. */
  readonly cost: PlanCost;
}

/**
 * What a planner worker answers.
 *
 * - `too-late`: the deadline had passed when it began
 * - `failed`: something was thrown
 */
export type PlannerAnswer =
  | {
      readonly ok: true;
      readonly epoch: number;
      readonly cost: PlanCost;
      /** By victim: a bitset of the CPUs it gets, as long as those of the problem. */
      readonly to: Uint32Array;
    }
  | {
      readonly ok: false;
      readonly error: { readonly code: 'too-late' | 'failed'; readonly message: string };
    };

export function packProblem(request: ReassignRequest, moves: readonly Move[]): PackedProblem {
  const { requested, victims, available, pool, minShared } = request;
  const toOf = new Map(moves.map(({ id, to }) => [id, to]));
  const sets = [
    requested,
    available,
    pool,
    ...victims.flatMap(({ id, cpus, forbidden }) => [cpus, forbidden, toOf.get(id) ?? Cpuset.EMPTY]),
  ];
  const length = wordsOfSet(sets);
  const bytes = (HEADER + sets.length * length) * Uint32Array.BYTES_PER_ELEMENT;
  const problem = new Uint32Array(new SharedArrayBuffer(bytes));
  problem.set([victims.length, length, minShared]);
  writeSets(problem.subarray(HEADER), sets, length);
  return problem;
}

export function unpackProblem(problem: PackedProblem): {
  readonly request: ReassignRequest;
  readonly moves: readonly Move[];
} {
  const [count, length, minShared] = [problem[0]!, problem[1]!, problem[2]!];
  const [requested, available, pool, ...rest] = readSets(problem.subarray(HEADER), length, 3 + 3 * count);
  const victims = Array.from({ length: count }, (_, i) => ({
    id: `${i}`,
    cpus: rest[3 * i]!,
    forbidden: rest[3 * i + 1]!,
  }));
  return {
    request: { requested: requested!, victims, available: available!, pool: pool!, minShared },
    moves: victims.map(({ id, cpus }, i) => ({ id, from: cpus, to: rest[3 * i + 2]! })),
  };
}

/** Where a plan takes the victims of a problem, for the answer; the moves are in their order. */
export function packTargets(problem: PackedProblem, moves: readonly Move[]): Uint32Array {
  const length = problem[1]!;
  const targets = new Uint32Array(moves.length * length);
  writeSets(
    targets,
    moves.map(({ to }) => to),
    length,
  );
  return targets;
}

/** The moves that a worker's targets mean. Whatever the targets are, every victim has a move. */
export function unpackTargets(request: ReassignRequest, targets: Uint32Array): readonly Move[] {
  const { victims } = request;
  const sets = readSets(targets, Math.floor(targets.length / victims.length), victims.length);
  return victims.map(({ id, cpus }, i) => ({ id, from: cpus, to: sets[i]! }));
}

function wordsOfSet(sets: readonly Cpuset[]): number {
  const last = sets.reduce((most, set) => Math.max(most, set.last), 0);
  return (last >> 5) + 1;
}

function writeSets(words: Uint32Array, sets: readonly Cpuset[], length: number): void {
  sets.forEach((set, i) => {
    words.set(set.toWords(), i * length);
  });
}

function readSets(words: Uint32Array, length: number, count: number): readonly Cpuset[] {
  return Array.from({ length: count }, (_, i) =>
    Cpuset.fromWords(words.subarray(i * length, (i + 1) * length)),
  );
}
