import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { allBut, LAST } from './harness/cpus.ts';
import { daemonSetPod } from './harness/daemon-set.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { Instances } from './harness/instances.ts';
import { annotated, type Container, shared } from './harness/pods.ts';
import { assertPlaced, assertPlacedAtOnce, stream } from './harness/stream.ts';
import { until } from './harness/until.ts';

// `make image` comes first.
const BIN = join(import.meta.dirname, '../../bin');
const EXECUTABLE = join(BIN, `weka-cpuset-linux-${process.arch}`);
const ARCHIVE = join(BIN, `weka-nri-cpuset-image-${process.arch === 'x64' ? 'amd64' : process.arch}.tar`);
const INDEX = JSON.parse(execFileSync('tar', ['-xOf', ARCHIVE, 'index.json'], { encoding: 'utf8' }));
/** As a kubelet asks for it: however it was called when it was made. */
const IMAGE: string = INDEX.manifests[0].annotations['io.containerd.image.name'];

describeOnEveryRelease('The pod of the DaemonSet', (host) => {
  let instances: Instances;

  before(() => {
    host.containerd.importImage(ARCHIVE);
    instances = new Instances(host);
  });
  after(() => instances.endAll());

  async function start(): Promise<Container> {
    const container = await host.run(daemonSetPod(host, instances.runFolder, IMAGE, '127.0.0.1:0'));
    await untilReady(container);
    return container;
  }

  /** Waits until it is active and ready, by what its probes ask. */
  async function untilReady(container: Container): Promise<void> {
    await until('the pod is active and ready', async () => {
      if (!(await container.inspect()).running) throw new Error(container.output());
      // A port that was free a moment ago could have been taken since: it takes one, and tells which.
      const [, address] = /"address":"(http:[^"]+)"/.exec(container.output()) ?? [];
      if (address === undefined) return false;
      const answers = await Promise.all(
        ['healthz', 'readyz', 'metrics'].map((path) => fetch(address + path).catch(() => undefined)),
      );
      if (!answers.every((answer) => answer?.ok === true)) return false;
      return /^nri_cpuset_active 1$/m.test(await answers[2]!.text());
    });
  }

  test('pins other pods, with nothing but what the manifest gives it', async () => {
    const container = await start();
    const { pid } = await container.inspect();
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    const pooled = await host.run(shared());
    const pinned = await host.run(annotated(`${LAST}`));
    assert.equal(await pinned.cpus(), `${LAST}`);
    assert.equal(await pooled.cpus(), allBut(LAST));
    assert.doesNotMatch(container.output(), /"level":"(warn|error)"/);
  });

  test('takes over from the pre-installed executable, which is there again when it is killed', async () => {
    instances.preinstall(EXECUTABLE);
    await host.restartContainerd();
    const first = await host.run(annotated(`${LAST}`));
    assert.equal(await first.cpus(), `${LAST}`);
    await instances.untilActive(instances.preinstalled);

    let container: Container | undefined;
    const gentle = await stream(host, async () => {
      container = await start();
    });
    assertPlacedAtOnce(gentle);
    const rough = await stream(host, async () => {
      process.kill((await container!.inspect()).pid, 'SIGKILL');
      await instances.untilActive(instances.preinstalled);
    });
    await assertPlaced(rough);
    instances.uninstall();
  });
});
