import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient } from '../../../src/main/admin/client.ts';
import { EmbeddedRuntime } from '../../../src/main/runtime/runtime.ts';
import { SysfsTree } from '../../../src/main/runtime/sysfs-tree.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';
import { until } from '../../e2e/harness/until.ts';

const PROGRAM = join(import.meta.dirname, '../../../src/main/index.ts');
/** A process that has to load TypeScript first, on a busy machine. */
const READY_MS = 60_000;

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
  watch(args: readonly string[], pattern: RegExp): Promise<Watched>;
  close(): Promise<void>;
}

export interface Watched {
  readonly output: string;
  until(pattern: RegExp): Promise<void>;
  /** Sends SIGINT and resolves to the exit code. */
  interrupt(): Promise<number | null>;
  /** Ends it, if it has not ended. */
  kill(): void;
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
  const exited = once(plugin, 'close');
  plugin.stderr!.resume();
  const watching: Watched[] = [];
  const close = async () => {
    for (const watched of watching) watched.kill();
    plugin.kill('SIGTERM');
    const timer = setTimeout(() => plugin.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await runtime.whenReady(READY_MS);
    const client = new AdminClient(adminSocket);
    await until('the plugin can be asked', () =>
      client.state().then(
        () => true,
        () => false,
      ),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return {
    runtime,
    adminSocket,
    ask: (...args) => runProgram([...args, '--admin-socket', adminSocket]),
    try: (input, ...args) => runProgram([...args, '--admin-socket', adminSocket], input),
    watch: async (args, pattern) => {
      const watched = watchProgram(startProgram([...args, '--admin-socket', adminSocket]));
      watching.push(watched);
      await watched.until(pattern);
      return watched;
    },
    close,
  };
}

function watchProgram(child: ChildProcess): Watched {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  let isClosed = false;
  const closed = once(child, 'close').finally(() => {
    isClosed = true;
  });
  return {
    get output() {
      return output;
    },
    until: (pattern) =>
      until(`the output matches ${pattern}`, () => {
        // Not when it has exited: then some of its output may be still to come.
        if (isClosed && !pattern.test(output)) throw new Error(`ended before ${pattern}: ${output}`);
        return pattern.test(output);
      }),
    interrupt: async () => {
      child.kill('SIGINT');
      const [code] = (await closed) as [number | null];
      return code;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
