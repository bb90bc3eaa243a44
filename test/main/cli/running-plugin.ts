import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedRuntime } from '../../../src/main/runtime/runtime.ts';
import { SysfsTree } from '../../../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';

const PROGRAM = join(import.meta.dirname, '../../../src/main/index.ts');
const READY_MS = 20_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program from its source. */
export function startProgram(args: readonly string[], environment = {}): ChildProcess {
  const { PATH } = process.env;
  return spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...args], {
    env: { PATH, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs the program from its source to its end. */
export async function runProgram(
  args: readonly string[],
  input = '',
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = startProgram(args, environment);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  child.stdin!.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** The plugin in a process of its own, on the embedded runtime. */
export interface RunningPlugin {
  readonly runtime: EmbeddedRuntime;
  readonly adminSocket: string;
  /** Runs a command of the program that asks this plugin. */
  ask(...args: readonly string[]): Promise<Ended>;
  /** The same, with this text as its standard input. */
  try(input: string, ...args: readonly string[]): Promise<Ended>;
  /** Starts a command that goes on, and resolves once its output matches. */
  watch(args: readonly string[], until: RegExp): Promise<Watched>;
  close(): Promise<void>;
}

export interface Watched {
  readonly output: string;
  until(pattern: RegExp): Promise<void>;
  /** Sends SIGINT and resolves to the exit code. */
  interrupt(): Promise<number | null>;
}

export async function startPlugin(specification: string): Promise<RunningPlugin> {
  const folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
  const socketPath = join(folder, 'nri.sock');
  const adminSocket = join(folder, 'admin.sock');
  const hostRoot = join(folder, 'host');
  mkdirSync(hostRoot);
  const parts = parseTopologySpec(specification);
  new SysfsTree(hostRoot, parts);
  const runtime = await EmbeddedRuntime.start({ socketPath, online: parts.online });
  const flags = ['--socket', socketPath, '--host-root', hostRoot, '--admin-socket', adminSocket];
  const plugin = startProgram(['run', ...flags]);
  plugin.stderr!.resume();
  await runtime.whenReady(READY_MS);
  while (!existsSync(adminSocket)) await sleep(20);
  return {
    runtime,
    adminSocket,
    ask: (...args) => runProgram([...args, '--admin-socket', adminSocket]),
    try: (input, ...args) => runProgram([...args, '--admin-socket', adminSocket], input),
    watch: async (args, until) => {
      const watched = watchProgram(startProgram([...args, '--admin-socket', adminSocket]));
      await watched.until(until);
      return watched;
    },
    close: async () => {
      plugin.kill('SIGTERM');
      await once(plugin, 'close');
      await runtime.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function watchProgram(child: ChildProcess): Watched {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  const closed = once(child, 'close');
  return {
    get output() {
      return output;
    },
    until: async (pattern) => {
      while (!pattern.test(output)) {
        const [code] = (await Promise.race([once(child.stdout!, 'data'), closed])) as [unknown];
        if (child.exitCode !== null && !pattern.test(output)) {
          throw new Error(`ended with ${String(code)} before ${pattern}: ${output}`);
        }
      }
    },
    interrupt: async () => {
      child.kill('SIGINT');
      const [code] = (await closed) as [number | null];
      return code;
    },
  };
}
