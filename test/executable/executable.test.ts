import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { emulatorOf } from '../../build/libraries.ts';
import { ARCHITECTURES } from '../../build/node-runtime.ts';
import type { StateView } from '../../src/main/admin/api.ts';
import type { Container } from '../../src/main/runtime/host.ts';
import { until } from '../e2e/harness/until.ts';
import { Node } from '../integration/node.ts';
import { temporaryFolder } from '../temporary-folder.ts';

// `make executable` comes first.
const ROOT = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** Prepares a command that runs another without an environment, where nothing but `folder` can be written. */
function confined(folder: string, ...command: readonly string[]): readonly string[] {
  const script = `
    mount --bind "$0" "$0"
    mount -o remount,bind,ro /
    for place in /tmp /dev/shm; do
      if mountpoint -q $place; then mount -o remount,bind,ro $place; fi
    done
    exec env -i "$@"`;
  return ['/usr/bin/unshare', '--map-root-user', '--mount', '/bin/sh', '-ec', script, folder, ...command];
}

function output([command, ...args]: readonly string[]): string {
  return execFileSync(command!, args, { env: {}, cwd: '/', encoding: 'utf8' });
}

/** Starts a node whose plugin is this command, confined. */
async function start(context: TestContext, command: readonly string[]): Promise<Node> {
  const node = await Node.start(context, {
    topology: '2 packages, 2 llcs, 16 cores, SMT 2',
    nriVersion: 'v0.12.1',
    program: (folder) => confined(folder, ...command),
    flags: () => ['--reassignment', 'minContainers=3,workers=2,timeoutShare=0.8,msPerContainer=1000'],
  });
  await node.untilLogged(/admin server is listening/);
  return node;
}

for (const architecture of ARCHITECTURES) {
  const executable = join(ROOT, `bin/weka-cpuset-linux-${architecture}`);
  const command = [...emulatorOf(architecture), executable];

  describe(`The executable for ${architecture}`, () => {
    it('does not care for options that are meant for other programs of Node', () => {
      const env = { NODE_OPTIONS: '--require /nowhere.cjs' };
      const [file, ...args] = [...command, 'version'];
      assert.equal(execFileSync(file!, args, { env, encoding: 'utf8' }), `weka-cpuset ${version}\n`);
    });

    it('runs without an environment and where nothing can be written', (t) => {
      const folder = temporaryFolder(t);
      const probe = spawnSync('/usr/bin/unshare', confined(folder, 'touch', '/tmp/x', executable).slice(1));
      assert.match(
        `${probe.stderr}`,
        /Read-only file system.*Read-only file system/s,
        'it is really confined',
      );
      assert.equal(output(confined(folder, ...command, 'version')), `weka-cpuset ${version}\n`);
    });

    it('places pods there', async (t) => {
      const node = await start(t, command);
      const integer = await node.run('integer', { cpus: 3 });
      const pinned = node.cpusOf(integer);
      await node.run('pinned', { pinned: `${pinned}` });
      assert.ok(!node.cpusOf(integer).intersects(pinned), 'the integer container has made way');
      assert.deepEqual(node.runtime.violations, []);
    });
  });
}

describe('The executable for this machine', () => {
  const executable = join(ROOT, `bin/weka-cpuset-linux-${process.arch}`);

  it('plans a large move with worker threads', async (t) => {
    const node = await start(t, [executable]);
    const integers: Container[] = [];
    for (let index = 0; index < 20; index++) {
      integers.push(await node.run(`integer-${index}`, { cpus: 3 }));
    }
    const status = [executable, 'status', '--json', '--admin-socket', node.adminSocket];
    const planner = () => (JSON.parse(output(status)) as StateView).planner!;
    // The first move only starts the threads.
    await until('the threads are asked', async () => {
      const pinned = integers.map((integer) => node.cpusOf(integer).first!).join();
      const { pod } = await node.run('pinned', { pinned });
      await node.runtime.removePod(pod);
      return planner().calls > 0;
    });
    const { tasks, answers, incidents } = planner();
    assert.ok(tasks > 0);
    assert.deepEqual({ answers, incidents }, { answers: tasks, incidents: 0 });
  });

  it('fails to install where there is no room, and leaves nothing there', (t) => {
    const folder = temporaryFolder(t);
    // A limit on the size of files stands for the end of the disk.
    const argv = ['--fsize=1000000', executable, 'install', '--to', join(folder, '99-weka-cpuset')];
    const { status, stdout, stderr } = spawnSync('/usr/bin/prlimit', argv, { encoding: 'utf8' });
    assert.deepEqual(
      [status, stdout, stderr],
      [1, '', 'weka-cpuset: install: EFBIG: file too large, write\n'],
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it('plays the demo, with itself as the plugin', () => {
    assert.match(output([executable, 'demo']), /no exclusive CPU was ever in two places/);
  });
});
