import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metric } from 'prom-client';
// Of the library only these: the rest, of which OpenTelemetry's API is half, would hold the main thread for 5 ms more.
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import { BOUNDS_PER_DOUBLING, BOUNDS_US, type Latency } from './latencies.ts';
import { DEFINITIONS, type Definition, type Sample } from './metric-definitions.ts';
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
    define(this.#registry, loopDelay(this.#loopDelay), source);
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

function loopDelay(delay: IntervalHistogram): Definition {
  return {
    type: 'gauge',
    name: 'event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape.',
    labels: ['quantile'],
    read: () => {
      const late = (ns: number): number => Math.max(0, ns / 1e9 - LOOP_RESOLUTION_MS / 1000);
      const samples: readonly Sample[] = [
        [{ quantile: '0.5' }, late(delay.percentile(50))],
        [{ quantile: '0.99' }, late(delay.percentile(99))],
        [{ quantile: '0.999' }, late(delay.percentile(99.9))],
        [{ quantile: '1' }, late(delay.max)],
      ];
      delay.reset();
      return samples;
    },
  };
}

/**
 * The histogram of event durations, from counts that are kept elsewhere, since they have to be there before this library is
 * loaded. The library's own kind would count anew, so this has the one method by which a registry reads a metric.
 */
function eventDurations({ observations }: AdminSource): Metric {
  const name = `${PREFIX}event_duration_seconds`;
  const help = 'How long events of the runtime took, from request to answer.';
  const get = async () => {
    const values = observations.latencies.all.flatMap((latency) => buckets(name, latency));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
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
