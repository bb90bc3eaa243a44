import { availableParallelism } from 'node:os';
import { setImmediate as nextCheck } from 'node:timers/promises';
import {
  checkPlan,
  comparePlans,
  type Move,
  type Plan,
  type PlanCost,
  type ReassignRequest,
} from '../placement/plan.ts';
import { planCost } from '../placement/reassign.ts';
import type { Topology } from '../placement/topology.ts';
import { type PackedTopology, packTopology } from '../placement/topology-arrays.ts';
import { type PlannerAnswer, type PlannerTask, packProblem, unpackTargets } from './planner-task.ts';
import { type PlannerIncident, PlannerThreads, type Slot } from './planner-threads.ts';
import { type WorkerFile, workerFile } from './worker-file.ts';

export interface PlannerOptions {
  /** How many threads search at the same time: `defaultWorkers()` unless there is a reason. */
  readonly workers: number;
  /** Threads are started at once and kept; otherwise the first plan starts them, for the next ones, and they end when idle. */
  readonly warm: boolean;
  /** How long threads that are not kept stay idle before they end; 30 s if left out. */
  readonly idleMs?: number;
  /** How long after the deadline a worker may still be busy before it is ended; 2 s if left out. */
  readonly graceMs?: number;
  /** The worker thread's program, if not our own. */
  readonly file?: WorkerFile;
  /** Called once for everything that goes wrong with a worker. */
  onIncident(incident: PlannerIncident): void;
  onResult?(result: PlannerResult): void;
}

/** What came of one call of `improve`. */
export interface PlannerResult {
  /** How many workers were asked (none: the first plan is the best), and how many answered in time with a plan. */
  readonly tasks: number;
  readonly answers: number;
  readonly ms: number;
  readonly first: PlanCost;
  readonly best: PlanCost;
}

/** Since the planner was made. */
export interface PlannerStats {
  /** Calls for which workers were asked. */
  readonly calls: number;
  /** Calls that returned a better plan than the first one. */
  readonly improved: number;
  readonly tasks: number;
  readonly answers: number;
  readonly incidents: number;
}

export interface ImproveOptions {
  /** Of the snapshot that the request is taken from. */
  readonly epoch: number;
  /** How long the answer may take, from now. */
  readonly deadlineMs: number;
  readonly seed: number;
}

/** A plan as a worker says it is. */
interface Claim {
  readonly slot: Slot;
  readonly cost: PlanCost;
  readonly targets: Uint32Array;
}

const LATE: PlannerIncident = { kind: 'timeout', message: 'answered after the deadline' };
const COST_TERMS = 7;
const IDLE_MS = 30_000;
const GRACE_MS = 2_000;
/** What of its time a worker searches for: the rest is for its answer to come in time even on a busy host. */
const SEARCH_SHARE = 0.9;
/** What is too little time to ask anybody. */
const LEAST_MS = 2;

/** One less than the CPUs we may run on, so that the main thread has one too; 1 to 4. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

/** Improves plans in worker threads (docs/placement.md, "Live reassignment"). Workers may fail in any way they like. */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #threads: PlannerThreads;
  #topology:
    | { readonly from: Topology; readonly version: number; readonly packed: PackedTopology }
    | undefined;
  #stats: PlannerStats = { calls: 0, improved: 0, tasks: 0, answers: 0, incidents: 0 };

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#threads = new PlannerThreads({
      workers: options.workers,
      warm: options.warm,
      idleMs: options.idleMs ?? IDLE_MS,
      file: options.file ?? workerFile('planner'),
      onIncident: (incident) => this.#report(incident),
    });
  }

  get stats(): PlannerStats {
    return this.#stats;
  }

  /**
   * The best plan known when all workers that are ready have answered, or at the deadline: one that `checkPlan` finds nothing
   * wrong with and that costs less than `first`, or `first` itself, at once where no worker is ready. Never rejects. The same
   * request, first plan and seed get the same plan if all workers are ready and end their search by themselves.
   */
  async improve(
    topology: Topology,
    request: ReassignRequest,
    first: Plan,
    { epoch, deadlineMs, seed }: ImproveOptions,
  ): Promise<Plan> {
    const start = performance.now();
    // The main thread has planned, and will carry out the plan. With a breath between, and after looking at the workers', it is
    // never held for longer than 5 ms by 160 moves on 1024 CPUs, which together take it 10.
    await breath();
    const leftMs = deadlineMs - (performance.now() - start);
    const isEnough = leftMs >= LEAST_MS;
    const slots = isEnough ? this.#threads.ready() : [];
    let claims: readonly Claim[] = [];
    let best = first;
    try {
      if (slots.length > 0) {
        const task = this.#pack(topology, request, first, { epoch, deadlineMs: leftMs, seed });
        claims = await this.#ask(slots, task, leftMs);
        best = this.#choose(claims, topology, request, first);
        for (const { slot } of claims) this.#threads.succeed(slot);
        await breath();
      }
    } catch (error) {
      this.#report({ kind: 'error', message: `${error}` });
    }
    this.#count({
      tasks: slots.length,
      answers: claims.length,
      ms: performance.now() - start,
      first: first.cost,
      best: best.cost,
    });
    // To start a thread takes about as long as a plan may: it is for the next one, and begins when this one is on its way.
    if (isEnough) setImmediate(() => this.#prepare(topology));
    return best;
  }

  /** Ends the workers. Calls of `improve` that are under way return with what they have. */
  close(): Promise<void> {
    return this.#threads.close();
  }

  #prepare(topology: Topology): void {
    this.#threads.warmUp();
    this.#packed(topology);
  }

  #packed(topology: Topology) {
    if (this.#topology?.from !== topology) {
      const version = (this.#topology?.version ?? 0) + 1;
      this.#topology = { from: topology, version, packed: packTopology(topology) };
    }
    return this.#topology;
  }

  #pack(topology: Topology, request: ReassignRequest, first: Plan, options: ImproveOptions): PlannerTask {
    const { epoch, deadlineMs, seed } = options;
    const deadline = process.hrtime.bigint() + BigInt(Math.round(deadlineMs * SEARCH_SHARE * 1e6));
    const { packed, version } = this.#packed(topology);
    return {
      epoch,
      seed,
      deadline,
      topology: packed,
      topologyVersion: version,
      problem: packProblem(request, first.moves),
      cost: first.cost,
    };
  }

  /** What workers claim by the deadline. What they say later is not listened to. */
  #ask(slots: readonly Slot[], task: PlannerTask, deadlineMs: number): Promise<readonly Claim[]> {
    const { workers, graceMs = GRACE_MS } = this.#options;
    const claims: Claim[] = [];
    let isOver = false;
    const answers = slots.map(async (slot) => {
      const own: PlannerTask = { ...task, seed: task.seed * workers + slot.index };
      const ran = await this.#threads.run(slot, 'improve', own, deadlineMs + graceMs);
      if (ran === undefined) return;
      const answer = readAnswer(ran.answer, task.epoch);
      if ('kind' in answer) this.#threads.fail(slot, answer);
      // On a busy host a worker is late, or begins too late, without being at fault.
      else if (isOver && answer.ok) this.#threads.report(slot, LATE);
      else if (answer.ok) claims.push({ slot, cost: answer.cost, targets: answer.to });
    });
    return new Promise((resolve) => {
      const end = () => {
        isOver = true;
        clearTimeout(timer);
        resolve(claims);
      };
      const timer = setTimeout(end, deadlineMs);
      Promise.all(answers).then(end, end);
    });
  }

  /** The best plan that is what the worker says it is. Usually the first one looked at: the others need no check then. */
  #choose(claims: readonly Claim[], topology: Topology, request: ReassignRequest, first: Plan): Plan {
    const best = claims.toSorted((a, b) => comparePlans(a.cost, b.cost) || a.slot.index - b.slot.index);
    for (const { slot, cost, targets } of best) {
      if (comparePlans(cost, first.cost) >= 0) break;
      const moves = unpackTargets(request, targets);
      const fault = faultOf(topology, request, moves, cost);
      if (fault === undefined) return { moves, cost };
      this.#threads.fail(slot, { kind: 'bad-plan', message: fault });
    }
    return first;
  }

  #report(incident: PlannerIncident): void {
    this.#stats = { ...this.#stats, incidents: this.#stats.incidents + 1 };
    this.#options.onIncident(incident);
  }

  #count(result: PlannerResult): void {
    const { calls, improved, tasks, answers, incidents } = this.#stats;
    this.#stats = {
      calls: calls + (result.tasks > 0 ? 1 : 0),
      improved: improved + (result.best === result.first ? 0 : 1),
      tasks: tasks + result.tasks,
      answers: answers + result.answers,
      incidents,
    };
    this.#options.onResult?.(result);
  }
}

/** Lets the event loop go round once: what is due, and what has arrived, has its turn. */
async function breath(): Promise<void> {
  // The first one comes before that when something that has arrived is being dealt with.
  await nextCheck();
  await nextCheck();
}

/** An answer of the shape it has to have, or what is wrong with it. */
function readAnswer(value: unknown, epoch: number): PlannerAnswer | PlannerIncident {
  const answer = value as Partial<Extract<PlannerAnswer, { ok: true }>> | null | undefined;
  if (answer?.ok === true) {
    const { cost, to } = answer;
    if (answer.epoch !== epoch) {
      return { kind: 'wrong-epoch', message: `a plan for epoch ${answer.epoch} instead of ${epoch}` };
    }
    const isCost = Array.isArray(cost) && cost.length === COST_TERMS && cost.every(Number.isSafeInteger);
    if (isCost && to instanceof Uint32Array) return { ok: true, epoch, cost, to };
  }
  const { error } = (value ?? {}) as Partial<Extract<PlannerAnswer, { ok: false }>>;
  if (error?.code === 'too-late') return { ok: false, error };
  if (error?.code === 'failed') return { kind: 'error', message: `${error.message}` };
  return { kind: 'bad-plan', message: 'not an answer' };
}

/** Why a worker's plan cannot be used. */
function faultOf(
  topology: Topology,
  request: ReassignRequest,
  moves: readonly Move[],
  claimed: PlanCost,
): string | undefined {
  const fault = checkPlan(request, moves);
  if (fault !== undefined) return fault;
  const cost = planCost(topology, request, moves);
  return comparePlans(cost, claimed) === 0 ? undefined : `a plan that costs ${cost}, not ${claimed}`;
}
