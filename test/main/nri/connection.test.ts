import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { type Logger, pino } from 'pino';
import { type ConnectionOptions, stayConnected } from '../../../src/main/nri/connection.ts';
import { StatusCode, TtrpcStatusError } from '../../../src/protocol/errors.ts';
import type { RegisterPluginRequest } from '../../../src/protocol/generated/nri.js';
import { type PluginHandlers, RuntimeConnection } from '../../../src/protocol/nri.ts';
import { until } from '../../e2e/harness/until.ts';

const TIMEOUT_MS = 10_000;

/** Handlers that answer every call with nothing. */
const NOTHING: PluginHandlers = {
  configure: () => ({ events: 8 }),
  synchronize: () => ({}),
  shutdown: () => ({}),
  createContainer: () => ({}),
  updateContainer: () => ({}),
  stopContainer: () => ({}),
  removeContainer: () => ({}),
  stopPodSandbox: () => ({}),
};

interface Setup {
  readonly socketPath: string;
  /** Messages of the log. */
  readonly log: string[];
  /** Sessions that were made. */
  readonly sessions: readonly PluginHandlers[];
  /** Registrations that were sent, or could not be. */
  readonly attempts: () => number;
  /** Settles when the plugin has given up staying connected. */
  readonly ended: Promise<void>;
  /** Ends everything. */
  stop(): void;
  /** Waits until something has been logged that matches. */
  logged(pattern: RegExp): Promise<void>;
}

/** Starts a plugin that stays connected to a socket which nobody listens on yet. */
function setUp(t: TestContext, options: Partial<ConnectionOptions> = {}): Setup {
  const directory = mkdtempSync(join(tmpdir(), 'connection-'));
  const socketPath = join(directory, 'nri.sock');
  const log: string[] = [];
  const write = (line: string) => log.push(JSON.parse(line).msg);
  const abort = new AbortController();
  const sessions: PluginHandlers[] = [];
  let attempts = 0;
  const ended = stayConnected({
    socket: socketPath,
    fd: undefined,
    pluginName: 'weka-cpuset',
    pluginIndex: '99',
    log: Promise.resolve(pino({}, { write })),
    session: () => {
      sessions.push({ ...NOTHING });
      return sessions.at(-1)!;
    },
    onAttempt: () => attempts++,
    signal: abort.signal,
    ...options,
  });
  t.after(async () => {
    abort.abort();
    await ended;
    rmSync(directory, { recursive: true });
  });
  return {
    socketPath,
    log,
    sessions,
    attempts: () => attempts,
    ended,
    stop: () => abort.abort(),
    logged: (pattern) => until(`it logs ${pattern}`, () => log.some((line) => pattern.test(line))),
  };
}

interface Runtime {
  /** Waits for the next registration. */
  registered(): Promise<{ readonly request: RegisterPluginRequest; readonly connection: RuntimeConnection }>;
  /** Stops listening and drops all connections. */
  stop(): Promise<void>;
}

/** A runtime that listens on a socket and accepts registrations, except for the first `refusals`. */
async function listen(t: TestContext, socketPath: string, refusals = 0): Promise<Runtime> {
  const events = new EventEmitter();
  const sockets = new Set<Socket>();
  let refused = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const connection = serveRuntime(socket, (request) => {
      if (refused++ < refusals) throw new TtrpcStatusError(StatusCode.UNKNOWN, 'not today');
      setImmediate(() => events.emit('registered', { request, connection }));
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  return { registered: async () => (await once(events, 'registered'))[0], stop };
}

function serveRuntime(socket: Duplex, register: (request: RegisterPluginRequest) => void): RuntimeConnection {
  return new RuntimeConnection(socket, {
    registerPlugin: (request) => {
      register(request);
      return {};
    },
    updateContainers: () => ({}),
  });
}

describe('a plugin', () => {
  test('registers with its name and index, and serves', async (t) => {
    const { socketPath, logged } = setUp(t);
    const runtime = await listen(t, socketPath);
    const { request, connection } = await runtime.registered();
    assert.equal(request.pluginName, 'weka-cpuset');
    assert.equal(request.pluginIdx, '99');
    const { events } = await connection.configure({}, TIMEOUT_MS);
    assert.equal(events, 8);
    await logged(/^registered with the runtime$/);
  });

  test('waits for a runtime that is not there yet, and says so once', async (t) => {
    const { socketPath, log, logged, attempts } = setUp(t);
    await logged(/no NRI socket at .*nri\.sock/);
    await until('it has tried again', () => attempts() >= 3);
    const runtime = await listen(t, socketPath);
    await runtime.registered();
    assert.equal(log.filter((line) => line.includes('no NRI socket')).length, 1);
  });

  test('waits for a runtime that does not listen on its socket', async (t) => {
    const dead = mkdtempSync(join(tmpdir(), 'dead-'));
    t.after(() => rmSync(dead, { recursive: true }));
    const socket = join(dead, 'nri.sock');
    // A socket whose owner has died stays behind as a file.
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    const { logged } = setUp(t, { socket });
    await logged(/nobody listens/);
  });

  test('says so when the path is one that no socket can have', async (t) => {
    const { logged } = setUp(t, { socket: `/${'x'.repeat(107)}` });
    await logged(/^cannot connect to the NRI socket .* is too long for a socket: at most 107 bytes/);
  });

  test('registers again when the runtime has been away, with a new session', async (t) => {
    const { socketPath, sessions, logged } = setUp(t);
    const first = await listen(t, socketPath);
    await first.registered();
    await first.stop();
    await logged(/connection to the runtime ended/);
    const second = await listen(t, socketPath);
    const { connection } = await second.registered();
    await connection.configure({}, TIMEOUT_MS);
    assert.ok(sessions.length >= 2);
    assert.notEqual(sessions[0], sessions.at(-1));
  });

  test('tries again when its registration is refused', async (t) => {
    const { socketPath, logged } = setUp(t);
    const runtime = await listen(t, socketPath, 1);
    await Promise.all([runtime.registered(), logged(/did not accept the registration/)]);
  });

  test('registers less and less often with a runtime that drops it each time', async (t) => {
    const { socketPath } = setUp(t);
    const runtime = await listen(t, socketPath);
    const drop = async () => (await runtime.registered()).connection.close();
    await drop();
    const since = performance.now();
    const pauses = [50, 100, 200, 400, 800];
    let least = 0;
    for (const pause of pauses) {
      await drop();
      // A timer may be up to a millisecond early.
      least += pause - 1;
      assert.ok(performance.now() - since >= least);
    }
  });

  test('ends when it is told to, registered or not', async (t) => {
    const { stop, ended, logged } = setUp(t);
    await logged(/no NRI socket/);
    stop();
    await ended;

    const other = setUp(t);
    const runtime = await listen(t, other.socketPath);
    const { connection } = await runtime.registered();
    other.stop();
    await other.ended;
    await connection.closed;
    assert.ok(!other.log.some((line) => /ended|accept/.test(line)), 'this end is no news');
  });

  test('tells of each attempt', async (t) => {
    const { socketPath, attempts, logged } = setUp(t);
    await logged(/no NRI socket/);
    const before = attempts();
    assert.ok(before > 0);
    const runtime = await listen(t, socketPath);
    await runtime.registered();
    assert.ok(attempts() > before);
  });

  test('does not wait for the log before it registers', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'early-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const socket = join(directory, 'nri.sock');
    const runtime = await listen(t, socket);
    let open!: (logger: Logger) => void;
    const log = new Promise<Logger>((resolve) => {
      open = resolve;
    });
    // What waits for it would otherwise never end.
    t.after(() => open(pino({ enabled: false })));
    setUp(t, { socket, log });
    await runtime.registered();
  });
});

describe('a plugin that the runtime starts', () => {
  interface Started {
    readonly child: ChildProcess;
    readonly request: RegisterPluginRequest;
    readonly connection: RuntimeConnection;
  }

  /** Starts a process that serves the connection it is handed as file descriptor 3, and waits until it has registered. */
  async function start(t: TestContext): Promise<Started> {
    const source = new URL('../../../src/main/nri/connection.ts', import.meta.url);
    const script = `
      import { stayConnected } from ${JSON.stringify(source.href)};
      const abort = new AbortController();
      process.on('SIGTERM', () => abort.abort());
      await stayConnected({
        socket: '/does/not/exist', fd: 3, pluginName: 'weka-cpuset', pluginIndex: '10',
        log: Promise.resolve({ info() {}, warn() {}, error() {} }),
        session: () => ({}), onAttempt() {}, signal: abort.signal,
      });`;
    const argv = ['--import', 'tsx', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    return new Promise((resolve) => {
      const connection = serveRuntime(child.stdio[3] as Duplex, (request) => {
        resolve({ child, request, connection });
      });
    });
  }

  test('registers on the connection it is handed, and ends with it', async (t) => {
    const { child, request, connection } = await start(t);
    assert.equal(request.pluginIdx, '10');
    const exited = once(child, 'exit');
    connection.close();
    assert.deepEqual(await exited, [0, null]);
  });

  test('says so when what it is handed is no socket', async () => {
    const file = openSync(import.meta.filename, 'r');
    try {
      await assert.rejects(
        stayConnected({
          socket: '/does/not/exist',
          fd: file,
          pluginName: 'weka-cpuset',
          pluginIndex: '10',
          log: Promise.resolve(pino({ enabled: false })),
          session: () => ({ ...NOTHING }),
          onAttempt: () => {},
          signal: new AbortController().signal,
        }),
        {
          name: 'ConfigError',
          message: new RegExp(`^environment variable NRI_PLUGIN_SOCKET: descriptor ${file} is no socket`),
        },
      );
    } finally {
      closeSync(file);
    }
  });

  test('ends when it is told to', async (t) => {
    const { child, connection } = await start(t);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    await connection.closed;
  });
});
