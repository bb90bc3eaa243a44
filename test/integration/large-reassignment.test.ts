import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { Mailbox } from '../../src/main/actor.ts';
import { DEFAULT_CONFIG } from '../../src/main/config.ts';
import { Journal } from '../../src/main/journal.ts';
import { violations } from '../../src/main/ledger/invariants.ts';
import { Ledger, type PlanImprover } from '../../src/main/ledger/ledger.ts';
import { stayConnected } from '../../src/main/nri/connection.ts';
import { Session } from '../../src/main/nri/session.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { checkPlan, comparePlans, type Plan } from '../../src/placement/plan.ts';
import { defaultWorkers, Planner } from '../../src/workers/planner.ts';
import { until } from '../e2e/harness/until.ts';
import { policyOf } from '../main/ledger/fixtures.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import type { Created, RuntimeWorkerData } from './runtime.worker.ts';

const TOPOLOGY = '2 packages, 4 nodes, 2 llcs, 32 cores, SMT 2';
const CPUS = 1024;
/** 300 containers of 1 to 4 CPUs. */
const SIZES = Array.from({ length: 300 }, (_, index) => 1 + (index % 4));
const VICTIMS = 160;
const ROUNDS = 5;
/** Turns that come while the workers plan. */
const QUEUED = 5;

/** What happened while workers planned. */
interface Planning {
  readonly victims: number;
  readonly first: Plan;
  readonly best: Plan;
  readonly fault: string | undefined;
  readonly ms: number;
  /** Requests for health that were answered meanwhile. */
  readonly healthAnswers: number;
}

function startWorker(name: string, data: object): Worker {
  const path = join(import.meta.dirname, `${name}.worker.ts`);
  // tsx comes too late for the first file of a thread, which therefore is a line of JavaScript.
  const program = `require('tsx/cjs'); require(${JSON.stringify(path)})`;
  return new Worker(program, { eval: true, workerData: data });
}

/** Of containers of the ledger, each one's first CPU. */
function oneCpuOfEach(ledger: Ledger, count: number): Cpuset {
  const integers = [...ledger.entries.values()].filter(({ workload }) => workload.kind === 'integer');
  // Not always the same, though no round depends on chance.
  const start = (ledger.epoch * 37) % (integers.length - count);
  return Cpuset.from(integers.slice(start, start + count).map(({ cpus }) => cpus.first!));
}

describe('A pinned pod that 160 of 300 integer containers have to make way for, on 1024 CPUs', () => {
  it('is answered in time, and while the workers plan the plugin answers others', async (t) => {
    const folder = temporaryFolder(t);
    const planner = new Planner({
      workers: defaultWorkers(),
      warm: false,
      onIncident: ({ kind, message }) => t.diagnostic(`incident ${kind}: ${message}`),
    });
    const mailbox = new Mailbox();
    const plannings: Planning[] = [];
    const queued: { readonly turn: number; readonly isPinned: boolean }[] = [];
    let healthAnswers = 0;

    const observed: PlanImprover = {
      async improve(topology, request, first, options) {
        const started = performance.now();
        const answersBefore = healthAnswers;
        setImmediate(() => {
          for (let turn = 0; turn < QUEUED; turn++) {
            void mailbox.run(() => {
              const isPinned = [...ledger.entries.values()].some(({ pod }) => pod.name === 'pinned');
              queued.push({ turn, isPinned });
            });
          }
        });
        const best = await planner.improve(topology, request, first, options);
        plannings.push({
          victims: request.victims.length,
          first,
          best,
          fault: checkPlan(request, best.moves),
          ms: performance.now() - started,
          healthAnswers: healthAnswers - answersBefore,
        });
        return best;
      },
    };
    const ledger = new Ledger({
      policy: policyOf(TOPOLOGY),
      planner: observed,
      journal: new Journal(10),
      instance: 'test',
      now: () => performance.now(),
      onDecision: () => {},
    });

    const healthSocket = join(folder, 'health.sock');
    const health = createServer((_, response) => {
      healthAnswers++;
      response.end(JSON.stringify({ epoch: ledger.epoch, containers: ledger.entries.size }));
    });
    health.listen(healthSocket);
    await once(health, 'listening');

    const nriSocket = join(folder, 'nri.sock');
    const stop = new AbortController();
    const log = Promise.resolve(pino({ level: 'silent' }));
    const connected = stayConnected({
      socket: nriSocket,
      fd: undefined,
      pluginName: 'test',
      pluginIndex: '99',
      log,
      onAttempt: () => {},
      signal: stop.signal,
      session: () =>
        new Session({
          configure: async () => DEFAULT_CONFIG,
          ledger: () => ledger,
          mailbox,
          log,
          dryRun: false,
          now: () => performance.now(),
        }),
    });
    const data: RuntimeWorkerData = { socketPath: nriSocket, cpus: CPUS, sizes: SIZES };
    const runtime = startWorker('runtime', data);
    const poller = startWorker('poller', { socketPath: healthSocket });
    t.after(async () => {
      await Promise.all([poller.terminate(), runtime.terminate()]);
      health.close();
      stop.abort();
      await Promise.all([connected, planner.close()]);
    });
    await once(runtime, 'message');
    assert.equal(ledger.entries.size, SIZES.length);

    // Workers are asked when they have started; on a very busy machine there have to be more rounds for that.
    const isAnsweredMeanwhile = () => plannings.some((planning) => planning.healthAnswers > 0);
    for (let round = 0; round < ROUNDS || !isAnsweredMeanwhile(); round++) {
      const cpus = oneCpuOfEach(ledger, VICTIMS);
      const answersBefore = healthAnswers;
      await until('the poller asks', () => healthAnswers > answersBefore);
      poller.postMessage('report');
      await once(poller, 'message');

      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      runtime.postMessage(`${cpus}`);
      const [created] = (await once(runtime, 'message')) as [Created];
      delay.disable();
      poller.postMessage('report');
      const [latencies] = (await once(poller, 'message')) as [number[]];

      const planning = plannings.at(-1)!;
      assert.equal(plannings.length, round + 1, 'the planner was asked');
      assert.deepEqual([created.plugin, created.ok, created.error], ['answered', true, undefined]);
      assert.deepEqual(created.violations, []);
      assert.deepEqual(violations(ledger), []);
      assert.equal(planning.victims, VICTIMS);
      assert.equal(planning.fault, undefined);
      assert.ok(comparePlans(planning.best.cost, planning.first.cost) <= 0, 'worse than the first plan');
      assert.deepEqual(
        queued.splice(0),
        Array.from({ length: QUEUED }, (_, turn) => ({ turn, isPinned: true })),
        'turns behind it run in order, after it',
      );
      t.diagnostic(
        `round ${round}: answered after ${ms(created.latencyMs)} with ${created.updates} updates; ` +
          `workers planned ${ms(planning.ms)}, cost ${planning.first.cost} -> ${planning.best.cost}; ` +
          `event loop delay max ${ms(delay.max / 1e6)}, p99 ${ms(delay.percentile(99) / 1e6)}; ` +
          `${latencies.length} health answers, ${planning.healthAnswers} while planning, ` +
          `slowest ${ms(Math.max(...latencies))}, median ${ms(median(latencies))}`,
      );
    }
  });
});

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
