import { setTimeout as sleep } from 'node:timers/promises';
import { improve as improveWell } from '../../src/workers/planner.worker.ts';
import type { PlannerAnswer, PlannerTask } from '../../src/workers/planner-task.ts';
import { packTargets, unpackProblem } from '../../src/workers/planner-task.ts';

// A planner worker for tests: the epoch of a task says what goes wrong with it.

const FREE_OF_CHARGE = [0, 0, 0, 0, 0, 0, 0] as const;

/** What can go wrong, by name. */
const FAULTS: Readonly<Record<string, (task: PlannerTask) => unknown>> = {
  none: improveWell,
  exit: () => process.exit(3),
  oneExits: (task) => (task.seed % 2 === 0 ? process.exit(3) : improveWell(task)),
  uncaught: async () => {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    await sleep(60_000);
  },
  throws: () => {
    throw new TypeError('this is caught by piscina');
  },
  brokenTask: (task) => improveWell({ ...task, problem: undefined as never }),
  endless: () => {
    for (;;);
  },
  asleep: () => sleep(60_000),
  heap: () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(Array.from({ length: 1000 }, () => ({})));
  },
  late: async (task) => {
    const answer = improveWell(task);
    await sleep(Number(task.deadline - process.hrtime.bigint()) / 1e6 + 300);
    return answer;
  },
  wrongEpoch: (task) => ({ ...improveWell(task), epoch: task.epoch - 1 }),
  nothing: () => undefined,
  text: () => 'a plan',
  emptyObject: () => ({}),
  notCloneable: () => () => {},
  noTargets: ({ epoch }) => ({ ok: true, epoch, cost: FREE_OF_CHARGE }),
  textTargets: ({ epoch }) => ({ ok: true, epoch, cost: FREE_OF_CHARGE, to: '0-3' }),
  shortCost: ({ epoch }) => ({ ok: true, epoch, cost: [0], to: new Uint32Array(4) }),
  noNumbers: ({ epoch }) => ({
    ok: true,
    epoch,
    cost: FREE_OF_CHARGE.map(() => Number.NaN),
    to: new Uint32Array(4),
  }),
  noTarget: ({ epoch }) => ({ ok: true, epoch, cost: FREE_OF_CHARGE, to: new Uint32Array(0) }),
  manyTargets: ({ epoch }) => ({ ok: true, epoch, cost: FREE_OF_CHARGE, to: new Uint32Array(1000).fill(1) }),
  nothingMoves: ({ epoch, problem }) => {
    const { moves } = unpackProblem(problem);
    const to = packTargets(
      problem,
      moves.map((move) => ({ ...move, to: move.from })),
    );
    return { ok: true, epoch, cost: FREE_OF_CHARGE, to };
  },
  lies: (task) => ({ ...improveWell(task), cost: FREE_OF_CHARGE }),
  worse: ({ epoch, problem, cost }) => {
    const to = packTargets(problem, unpackProblem(problem).moves);
    return { ok: true, epoch, cost: cost.map((value) => value + 1), to };
  },
};

export const FAULT_NAMES = Object.keys(FAULTS);

export function improve(task: PlannerTask): PlannerAnswer | Promise<PlannerAnswer> {
  return FAULTS[FAULT_NAMES[task.epoch]!]!(task) as PlannerAnswer;
}

export function warmUp(): void {}
