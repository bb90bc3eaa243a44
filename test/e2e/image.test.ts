import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { allBut, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease, type Host } from './harness/host.ts';
import { annotated, type Container, type ContainerOptions, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

// `make image` comes first.
const ROOT = join(import.meta.dirname, '../..');
const ARCHIVE = join(
  ROOT,
  `bin/weka-nri-cpuset-image-${process.arch === 'x64' ? 'amd64' : process.arch}.tar`,
);
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** As a kubelet asks for it: however it was called when it was made. */
const INDEX = JSON.parse(execFileSync('tar', ['-xOf', ARCHIVE, 'index.json'], { encoding: 'utf8' }));
const IMAGE: string = INDEX.manifests[0].annotations['io.containerd.image.name'];
const CONFINED = {
  readonly_rootfs: true,
  no_new_privs: true,
  capabilities: { drop_capabilities: ['ALL'] },
};

describeOnEveryRelease('Image', (host) => {
  before(() => host.containerd.importImage(ARCHIVE));

  test('runs the program, with a root that is read-only and without any capability', async () => {
    assert.equal(await outputOf(host, ['version']), `weka-cpuset ${version}\n`);
  });

  test('sees the CPUs of the node from within a container', async () => {
    const topology = JSON.parse(await outputOf(host, ['topology', '--json'])) as { online: number[] };
    assert.equal(`${Cpuset.from(topology.online)}`, `${ONLINE}`);
  });

  test('has no shell', async () => {
    await assert.rejects(start(host, { command: ['/bin/sh'] }), /no such file/);
  });

  test('places other pods as a container that has nothing but the socket of the runtime', async () => {
    const registered = host.containerd.pluginsRegistered;
    await start(host, {
      args: ['run', '--admin-socket', '/run/weka-nri-cpuset/admin.sock'],
      mounts: [
        { container_path: '/var/run/nri/nri.sock', host_path: host.containerd.nriSocket },
        { container_path: '/run/weka-nri-cpuset', host_path: join(host.folder, 'run') },
      ],
    });
    await until('the plugin is registered', () => host.containerd.pluginsRegistered > registered);
    const pooled = await host.run(shared());
    await host.run(annotated(`${LAST}`));
    assert.equal(await pooled.cpus(), allBut(LAST));
  });
});

async function start(host: Host, options: ContainerOptions): Promise<Container> {
  return (await host.pod()).start('weka-cpuset', { image: IMAGE, security: CONFINED, ...options });
}

/** What the program writes in a container that it ends by itself. */
async function outputOf(host: Host, args: readonly string[]): Promise<string> {
  const container = await start(host, { args });
  await until('the program has ended', async () => !(await container.inspect()).running);
  return container.output();
}
