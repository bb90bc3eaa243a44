import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metric } from 'prom-client';
// Of the library only these: the rest, of which OpenTelemetry's API is half, would hold the main thread for 5 ms more.
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import type { EventName, EventOutcome } from '../nri/session.ts';
import { BOUNDS_PER_DOUBLING, BOUNDS_US, type Latency } from './latencies.ts';
import { DEFINITIONS, type Definition } from './metric-definitions.ts';
import type { AdminSource } from './source.ts';

/** What all names begin with. */
const PREFIX = 'nri_cpuset_';
const LOOP_RESOLUTION_MS = 20;

/** Everything the plugin tells Prometheus. */
export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });

  constructor(source: AdminSource) {
    this.contentType = this.#registry.contentType;
    for (const definition of DEFINITIONS) define(this.#registry, definition, source);
    this.#registry.registerMetric(eventDurations(source));
    this.#registry.registerMetric(loopDelay(this.#loopDelay));
    this.#loopDelay.enable();
  }

  /** The values of now, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  close(): void {
    this.#loopDelay.disable();
  }
}

function define(registry: Registry, definition: Definition, source: AdminSource): void {
  const { type, name, help, labels = [], read } = definition;
  const common = { name: PREFIX + name, help, labelNames: labels, registers: [registry] };
  if (type === 'counter') {
    new Counter({
      ...common,
      collect() {
        this.reset();
        for (const [given, value] of read(source)) this.inc(given, value);
      },
    });
  } else {
    new Gauge({
      ...common,
      collect() {
        this.reset();
        const samples = read(source);
        // Without labels there is always a value, which is zero after a reset: what is not known is left out.
        if (samples.length === 0 && labels.length === 0) this.remove();
        for (const [given, value] of samples) this.set(given, value);
      },
    });
  }
}

/** Quantiles that were found elsewhere: the library's own kind of summary would find them itself. */
function loopDelay(delay: IntervalHistogram): Metric {
  const name = `${PREFIX}event_loop_delay_seconds`;
  const help = 'How late the event loop was since the last scrape.';
  const sample = (quantile: string, ns: number) => ({
    labels: { quantile },
    value: Math.max(0, ns / 1e9 - LOOP_RESOLUTION_MS / 1000),
  });
  const get = async () => {
    const values = [
      sample('0.5', delay.percentile(50)),
      sample('0.99', delay.percentile(99)),
      sample('0.999', delay.percentile(99.9)),
      sample('1', delay.max),
    ];
    delay.reset();
    return { name, help, type: 'summary', values };
  };
  return asMetric(name, get);
}

/**
 * The histogram of event durations, from counts that are kept elsewhere, since they have to be there before this library is
 * loaded: the library's own kind would count anew.
 */
function eventDurations({ observations }: AdminSource): Metric {
  const name = `${PREFIX}event_duration_seconds`;
  const help = 'How long events of the runtime took, from request to answer.';
  const get = async () => {
    const recorded = observations.latencies.all;
    const missing = FAILURES.filter(
      ({ event, outcome }) => !recorded.some((each) => each.event === event && each.outcome === outcome),
    );
    return {
      name,
      help,
      type: 'histogram',
      values: [...recorded, ...missing].flatMap((each) => buckets(name, each)),
    };
  };
  return asMetric(name, get);
}

const EVENTS: Readonly<Record<EventName, true>> = {
  configure: true,
  synchronize: true,
  create: true,
  update: true,
  stop: true,
  remove: true,
  'stop-pod': true,
};
const FAILED: readonly EventOutcome[] = ['late', 'failed'];
/** What is alerted on. Prometheus sees a count grow only from what it was before, so these are told before there are any. */
const FAILURES: readonly Latency[] = Object.keys(EVENTS).flatMap((event) =>
  FAILED.map((outcome) => ({ event, outcome, count: 0, sumUs: 0, maxUs: 0, counts: BOUNDS_US.map(() => 0) })),
);

/** A metric of our own making has the one method by which a registry reads one. */
function asMetric(name: string, get: () => Promise<unknown>): Metric {
  return { name, get } as unknown as Metric;
}

function buckets(name: string, { event, outcome, count, sumUs, counts }: Latency) {
  const labels = { event, outcome };
  const sample = (suffix: string, value: number, le: Record<string, string | number> = {}) => ({
    metricName: `${name}_${suffix}`,
    labels: { ...labels, ...le },
    value,
  });
  const samples: ReturnType<typeof sample>[] = [];
  let below = 0;
  BOUNDS_US.forEach((bound, position) => {
    below += counts[position]!;
    const isShown = position % BOUNDS_PER_DOUBLING === 0 && Number.isFinite(bound);
    if (isShown) samples.push(sample('bucket', below, { le: bound / 1e6 }));
  });
  return [
    ...samples,
    sample('bucket', count, { le: '+Inf' }),
    sample('sum', sumUs / 1e6),
    sample('count', count),
  ];
}
