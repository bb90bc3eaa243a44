import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { AdminClient } from '../../src/main/admin/client.ts';
import { until } from '../e2e/harness/until.ts';

// The program as it is built: `make build` comes first.
const ROOT = join(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'bin/weka-cpuset');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

const call = (
  args: readonly string[],
  { program = PROGRAM, env = {} as Record<string, string>, cwd = '/' } = {},
) => {
  const { status, stdout, stderr } = spawnSync(program, args, { env, cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
};

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'program-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the program starts', () => {
  const VERSION = { status: 0, stdout: `weka-cpuset ${version}\n`, stderr: '' };

  test('with an empty environment, from anywhere', () => {
    assert.deepEqual(call(['version']), VERSION);
    assert.deepEqual(call(['version'], { program: 'bin/weka-cpuset', cwd: ROOT }), VERSION);
    assert.deepEqual(call(['version'], { program: './weka-cpuset', cwd: join(ROOT, 'bin') }), VERSION);
  });

  test('through links, as a pre-installed plugin is', () => {
    const link = join(folder, '99-weka-cpuset');
    symlinkSync(PROGRAM, link);
    assert.deepEqual(call(['version'], { program: link }), VERSION);
    symlinkSync('99-weka-cpuset', join(folder, 'link-to-link'));
    assert.deepEqual(call(['version'], { program: join(folder, 'link-to-link') }), VERSION);
    symlinkSync(join(ROOT, 'bin'), join(folder, 'linked-folder'));
    assert.deepEqual(call(['version'], { program: join(folder, 'linked-folder/weka-cpuset') }), VERSION);
  });

  test('after it was moved, from a folder with blanks in its name', () => {
    const moved = join(folder, 'moved to here');
    for (const part of ['bin', 'dist']) cpSync(join(ROOT, part), join(moved, part), { recursive: true });
    assert.deepEqual(call(['version'], { program: join(moved, 'bin/weka-cpuset') }), VERSION);
  });
});

describe('what was asked for goes to standard output', () => {
  test('help', () => {
    const { status, stdout, stderr } = call(['--help']);
    assert.match(stdout, /^Usage: weka-cpuset/m);
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('as a whole, also through a pipe that takes less at once', () => {
    const pods = join(folder, 'pods.json');
    const spec = { containers: [{ name: 'c' }] };
    const items = Array.from({ length: 400 }, (_, index) => ({
      kind: 'Pod',
      metadata: { name: `pod-${index}` },
      spec,
    }));
    writeFileSync(pods, JSON.stringify({ kind: 'List', items }));
    const argv = ['simulate', '--pods', pods, '--topology', '8 cores', '--json'];
    const { stdout: all } = call(argv);
    const { stdout: piped } = spawnSync('sh', ['-c', '"$0" "$@" | { sleep 1; cat; }', PROGRAM, ...argv], {
      encoding: 'utf8',
    });
    assert.ok(all.length > 65_536);
    assert.equal(piped, all);
  });

  test('or the program fails', () => {
    const { status, stderr } = spawnSync('sh', ['-c', '"$0" --help >/dev/full', PROGRAM], {
      encoding: 'utf8',
    });
    assert.equal(
      stderr,
      'weka-cpuset: the output cannot be written: ENOSPC: no space left on device, write\n',
    );
    assert.equal(status, 1);
  });

  test('the topology of this host, and of another', () => {
    assert.match(call(['topology']).stdout, /^online +\d+ CPU/);
    const cpu = join(folder, 'host/sys/devices/system/cpu');
    mkdirSync(cpu, { recursive: true });
    writeFileSync(join(cpu, 'online'), '0-2\n');
    const { status, stdout } = call(['topology', '--json', '--host-root', join(folder, 'host')]);
    assert.equal(status, 0);
    assert.deepEqual((JSON.parse(stdout) as { online: number[] }).online, [0, 1, 2]);
  });
});

describe('what is wrong is one line on standard error, and exit code 2', () => {
  const refused = (args: readonly string[], message: RegExp, env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = call(args, { env });
    assert.match(stderr, /^weka-cpuset: [^\n]+\n$/);
    assert.match(stderr.trimEnd(), message);
    assert.deepEqual([status, stdout], [2, '']);
  };

  test('an unknown command', () =>
    refused(['topolgy'], /unknown command "topolgy"; did you mean "topology"\?/));

  test('an unknown flag', () => refused(['--debg'], /unknown flag "--debg"; did you mean "--debug"\?/));

  test('a bad value of a setting in a flag', () =>
    refused(['--numa-memory-policy', 'x'], /--numa-memory-policy: .* strict, preferred or none, not "x"$/));

  test('a bad value in the environment', () =>
    refused([], /variable WEKA_CPUSET_DEBUG: debug must be true or false, not "1"$/, {
      WEKA_CPUSET_DEBUG: '1',
    }));
});

test('a host that cannot be read is one line too, and exit code 1', () => {
  const { status, stderr } = call(['topology', '--host-root', join(folder, 'missing')]);
  assert.match(stderr, /^weka-cpuset: [^\n]*online[^\n]*\n$/);
  assert.equal(status, 1);
});

test('what is wrong is in the log too where that is a file', () => {
  const file = join(folder, 'log');
  assert.equal(call(['--log-file', file, '--min-shared-cpus', 'x']).status, 2);
  const [line, ...rest] = readFileSync(file, 'utf8').trim().split('\n');
  const record = JSON.parse(line ?? '') as { level: string; msg: string };
  assert.equal(record.level, 'fatal');
  assert.match(record.msg, /^--min-shared-cpus: /);
  assert.deepEqual(rest, []);
});

/** Starts a plugin, which has ended when the test has, also when that fails. */
function startPlugin(t: TestContext, adminSocket: string, env: Record<string, string> = {}) {
  const flags = ['--socket', join(folder, 'nri.sock'), '--admin-socket', adminSocket];
  const plugin = spawn(PROGRAM, ['run', ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(plugin, 'close');
  t.after(async () => {
    plugin.kill('SIGKILL');
    await ended;
  });
  return { plugin, ended };
}

describe('a plugin ends in order, with exit code 0, on', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(signal, async (t) => {
      const { plugin, ended } = startPlugin(t, join(folder, 'run/admin.sock'));
      const messages: string[] = [];
      createInterface({ input: plugin.stderr }).on('line', (line) => {
        messages.push((JSON.parse(line) as { msg: string }).msg);
      });
      await until('it has started', () => messages.includes('started'));
      plugin.kill(signal);
      assert.deepEqual(await ended, [0, null]);
      assert.equal(messages.at(-1), 'stopped');
    });
  }
});

describe('SIGUSR1 leaves no debugger open in a plugin, which goes on', () => {
  const start = (t: TestContext, env?: Record<string, string>) => {
    const adminSocket = join(folder, 'signalled/admin.sock');
    const { plugin, ended } = startPlugin(t, adminSocket, env);
    let written = '';
    plugin.stderr.setEncoding('utf8').on('data', (text: string) => {
      written += text;
    });
    const client = new AdminClient(adminSocket);
    return {
      signal: () => plugin.kill('SIGUSR1'),
      listeners: () => tcpListenersOf(plugin.pid!),
      written: () => written,
      answers: () =>
        client.state().then(
          () => true,
          () => false,
        ),
      end: async () => {
        plugin.kill('SIGTERM');
        assert.deepEqual(await ended, [0, null]);
      },
    };
  };

  test('when it runs', async (t) => {
    const { signal, listeners, written, answers, end } = start(t);
    await until('it answers', answers);
    signal();
    // Node would have opened it between these.
    assert.deepEqual([await answers(), await answers()], [true, true]);
    assert.deepEqual(listeners(), []);
    await end();
    assert.doesNotMatch(written(), /debugger|inspector/i);
  });

  test('when it has just been started', async (t) => {
    // On any port: the usual one may be taken, and the debugger would never be opened then.
    const early = `
      import { url } from 'node:inspector';
      import { isMainThread } from 'node:worker_threads';
      if (isMainThread) {
        process.debugPort = 0;
        process.kill(process.pid, 'SIGUSR1');
      }
      while (isMainThread && url() === undefined) await new Promise(setImmediate);`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(early)}` };
    const { listeners, written, answers, end } = start(t, env);
    await until('it is opened', () => /Debugger listening/.test(written()));
    await until('it is closed', () => listeners().length === 0);
    await until('it answers', answers);
    await end();
  });
});

/** What a process listens on, as /proc/net/tcp has it. */
function tcpListenersOf(pid: number): readonly string[] {
  const open = readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return [];
    }
  });
  // A kernel without IPv6 has no list for it.
  const lists = ['tcp', 'tcp6'].map((protocol) => `/proc/${pid}/net/${protocol}`).filter(existsSync);
  return lists.flatMap((list) =>
    readFileSync(list, 'utf8')
      .split('\n')
      .filter((line) => {
        const [, , , state, , , , , , inode] = line.trim().split(/ +/);
        return state === '0A' && open.includes(`socket:[${inode}]`);
      }),
  );
}
