import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { Instances } from './harness/instances.ts';
import { annotated } from './harness/pods.ts';
import { release } from './harness/release.ts';
import { assertPlaced, assertPlacedAtOnce, stream } from './harness/stream.ts';
import { until } from './harness/until.ts';

const NEWER = '99.0.0';

describeOnEveryRelease('Several instances on a node', (host) => {
  let instances: Instances;

  beforeEach(async () => {
    instances ??= new Instances(host);
    await instances.endAll();
    instances.uninstall();
    await host.restartContainerd();
  });
  after(async () => {
    await instances.endAll();
  });

  test('one killed is replaced by the one that waits, pre-installed or not, and no pod stays unpinned or is refused', async () => {
    instances.preinstall();
    await host.restartContainerd();
    const first = await host.run(annotated(`${LAST}`));
    assert.equal(await first.cpus(), `${LAST}`, "the first pod after containerd's start is pinned");
    const preinstalled = instances.preinstalled;
    const external = instances.start();
    const pods = await stream(host, async () => {
      await instances.untilActive(external);
      await instances.end(external, 'SIGKILL');
      await instances.untilActive(preinstalled);
      const next = instances.start();
      await instances.untilActive(next);
      await instances.end(preinstalled, 'SIGKILL');
      await instances.untilActive(next);
      await instances.end(next, 'SIGKILL');
      await instances.untilActive(instances.start());
    });
    await assertPlaced(pods);
  });

  test('a newer version takes over at once, and the same one when the active instance is told to stop, with no pod unpinned for a moment', async () => {
    const old = instances.start();
    await instances.untilActive(old);
    const resident = await host.run(annotated(`${LAST}`));
    const pods = await stream(host, async () => {
      const newer = instances.start(release(NEWER, host.folder));
      await instances.untilActive(newer);
      await instances.end(old, 'SIGTERM');
      const again = instances.start(release(NEWER, host.folder));
      await instances.untilLogged(again, /another instance is active/);
      await instances.end(newer, 'SIGTERM');
      await instances.untilActive(again);
    });
    assertPlacedAtOnce(pods);
    assert.equal(await resident.cpus(), `${LAST}`);
  });

  test('a pre-installed instance hands over to a newer one, waits, and is there again when that ends', async () => {
    instances.preinstall();
    await host.restartContainerd();
    const preinstalled = instances.preinstalled;
    await instances.untilActive(preinstalled);
    const resident = await host.run(annotated(`${LAST}`));
    const newer = instances.start(release(NEWER, host.folder));
    const pods = await stream(host, async () => {
      await instances.untilActive(newer);
      await instances.end(newer, 'SIGTERM');
      await instances.untilActive(preinstalled);
    });
    assertPlacedAtOnce(pods);
    assert.equal(instances.preinstalled, preinstalled, 'containerd has not ended it');
    assert.equal(await resident.cpus(), `${LAST}`);
  });

  test('after a restart of containerd the pre-installed one pins the first pod, and the others follow', async () => {
    instances.preinstall();
    await host.restartContainerd();
    const newer = instances.start(release(NEWER, host.folder));
    await instances.untilActive(newer);
    const resident = await host.run(annotated(`${LAST}`));
    await host.restartContainerd();
    const pods = await stream(host, () => instances.untilActive(newer));
    assertPlacedAtOnce(pods);
    assert.equal(await resident.cpus(), `${LAST}`);
    await instances.end(newer, 'SIGKILL');
    await instances.untilActive(instances.preinstalled);
  });

  test('a pre-installed instance answers containerd in time beside one that hangs, and is there when that ends', async () => {
    const hanging = instances.start();
    await instances.untilActive(hanging);
    process.kill(hanging, 'SIGSTOP');
    instances.preinstall();
    await host.restartContainerd();
    const { preinstalled } = instances;
    await instances.end(hanging, 'SIGKILL');
    await instances.untilActive(preinstalled);
    assert.equal(instances.preinstalled, preinstalled, 'containerd has not ended it');
    const pod = await host.run(annotated(`${LAST}`));
    assert.equal(await pod.cpus(), `${LAST}`);
  });

  test('a pre-installed instance is told of the pods that are there, also by containerd 1.7, which lists nothing to it', async () => {
    const pinned = await host.run(annotated(`${LAST}`));
    assert.equal(await pinned.cpus(), `${ONLINE}`);
    instances.preinstall();
    await host.restartContainerd();
    await until('it is placed', async () => (await pinned.cpus()) === `${LAST}`);
  });
});
