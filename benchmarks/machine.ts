import { cpus, loadavg, release, totalmem } from 'node:os';

/** What the numbers were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Processes that wanted to run in the last minute, on average, before anything was measured. */
  readonly load: number;
  /** ISO 8601, in UTC. */
  readonly date: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    load: loadavg()[0]!,
    date: new Date().toISOString(),
  };
}

/** In one line. */
export function machineText({ cpu, cpus: count, memoryGiB, kernel, node, load, date }: Machine): string {
  return `${cpu}, ${count} CPUs, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, load ${load.toFixed(2)}, ${date.slice(0, 10)}`;
}
