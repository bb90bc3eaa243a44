import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Container } from '../../src/main/runtime/host.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { until } from '../e2e/harness/until.ts';
import { cpuset, Node, NRI_VERSIONS } from './node.ts';

const TOPOLOGY = '1 package, 8 cores, SMT 2, siblings adjacent';
const ALL = cpuset('0-15');
/** Short times, and no look at cgroups: there are none. */
const QUICK = ['--reconcile', 'after=0.3,growthAfter=0.3,driftInterval=0,hostInterval=0.1'];

const start = (context: TestContext, nriVersion: string, flags: readonly string[] = []): Promise<Node> =>
  Node.start(context, { topology: TOPOLOGY, nriVersion, flags: () => [...QUICK, ...flags] });

/** Asserts that containers own what they have, that the pool is the rest of the online CPUs, and that nothing was broken. */
function assertPlaced(node: Node, online: Cpuset, owners: readonly Container[], pooled: Container): void {
  const owned = Cpuset.union(owners.map((owner) => node.cpusOf(owner)));
  assert.equal(
    owned.size,
    owners.reduce((sum, owner) => sum + node.cpusOf(owner).size, 0),
  );
  assert.equal(`${node.cpusOf(pooled)}`, `${online.minus(owned)}`);
  assert.deepEqual(node.runtime.violations, []);
  assert.deepEqual(
    node.events.flatMap(({ updates }) => updates.filter(({ result }) => result === 'failed')),
    [],
  );
}

/** Resizes the container `web` until the answers have given `container` these CPUs: the plugin has to notice first. */
async function untilEventsCarry(node: Node, container: Container, cpus: Cpuset): Promise<void> {
  const pooled = node.runtime.containers.find(({ name }) => name === 'web')!;
  await until(`${container.name} is on CPUs ${cpus}`, async () => {
    await node.runtime.updateContainer(pooled.id, { cpus: { request: 0.2 } });
    return node.cpusOf(container).equals(cpus);
  });
}

for (const [title, nriVersion] of Object.entries(NRI_VERSIONS)) {
  const isNew = nriVersion !== '';

  describe(`CPU hotplug with ${title}`, () => {
    it('moves the integer container of a CPU that goes offline; the CPU joins the pool when it is back', async (t) => {
      const node = await start(t, nriVersion);
      const moved = await node.run('moved', { cpus: 2 });
      const other = await node.run('other', { cpus: 2 });
      const web = await node.run('web');
      const [before, others] = [node.cpusOf(moved), node.cpusOf(other)];
      const gone = Cpuset.from([before.first!]);

      node.takeOffline(gone);
      await until('the container is moved', () => !node.cpusOf(moved).intersects(gone));
      const now = node.cpusOf(moved);
      assert.equal(now.size, 2);
      assert.equal(`${node.cpusOf(other)}`, `${others}`);
      await node.untilOn(web, ALL.minus(gone).minus(now).minus(others));
      assertPlaced(node, ALL.minus(gone), [moved, other], web);

      node.bringOnline(gone);
      if (!isNew) await untilEventsCarry(node, web, ALL.minus(now).minus(others));
      await node.untilOn(web, ALL.minus(now).minus(others));
      assert.equal(`${node.cpusOf(moved)}`, `${now}`, 'nobody is moved for a CPU that comes');
      assertPlaced(node, ALL, [moved, other], web);
      assert.equal(node.unsolicited > 0, isNew);
      assert.equal(node.synchronized, isNew ? 1 : 2);
    });

    it('keeps an annotated container, says so, and tells it nothing when the CPU is back', async (t) => {
      const node = await start(t, nriVersion);
      const pinned = await node.run('pinned', { pinned: '4-5' });
      const web = await node.run('web');

      node.takeOffline(cpuset('5'));
      const { msg } = await node.untilLogged(/pinned to CPUs 4-5/);
      assert.match(msg, /default\/pinned\/pinned.* 5 are offline/);
      node.takeOffline(cpuset('9'));
      await node.untilOn(web, '0-3,6-8,10-15');
      assert.equal(`${node.cpusOf(pinned)}`, '4-5');
      assert.deepEqual(node.runtime.violations, []);

      node.bringOnline(cpuset('5,9'));
      await untilEventsCarry(node, web, cpuset('0-3,6-15'));
      const touched = node.events.flatMap(({ updates }) => updates.map(({ containerId }) => containerId));
      assert.ok(!touched.includes(pinned.id), 'it was updated');
      assert.deepEqual(node.runtime.violations, []);
    });

    it('takes a container to the pool that has no other CPU, and gives it its own again', async (t) => {
      const node = await start(t, nriVersion, ['--min-shared-cpus', '2']);
      const web = await node.run('web');
      const stuck = await node.run('stuck', { cpus: 2, forbidden: '0-11' });
      const before = node.cpusOf(stuck);
      const rest = cpuset('12-15').minus(before);
      const filler = await node.run('filler', { cpus: 2, forbidden: ALL.minus(rest).toString() });

      node.takeOffline(before);
      // The pool loses nothing, so on older runtimes only this container needs the new connection.
      await node.untilOn(stuck, '0-11');
      await node.untilLogged(/default\/stuck\/stuck runs in the shared pool/);
      assert.equal(`${node.cpusOf(web)}`, '0-11');
      assert.deepEqual(node.runtime.violations, []);

      node.bringOnline(before);
      if (!isNew) await untilEventsCarry(node, stuck, before);
      await node.untilOn(stuck, before);
      assertPlaced(node, ALL, [stuck, filler], web);
    });
  });
}

describe('CPU hotplug while the host worker hangs in the kernel', () => {
  it('is noticed when another worker has taken over', async (t) => {
    const node = await start(t, NRI_VERSIONS['NRI 0.12.1']);
    const moved = await node.run('moved', { cpus: 2 });
    const before = node.cpusOf(moved);

    // Who reads a pipe waits until somebody writes to it.
    const online = join(node.hostRoot, 'sys/devices/system/cpu/online');
    const pipe = `${online}.pipe`;
    execFileSync('mkfifo', [pipe]);
    renameSync(online, `${online}.kept`);
    renameSync(pipe, online);
    await node.untilLogged(/no answer from the host worker/);
    renameSync(online, pipe);
    renameSync(`${online}.kept`, online);
    node.takeOffline(before);
    await until('the container is moved', () => !node.cpusOf(moved).intersects(before));
    assert.equal(node.cpusOf(moved).size, 2);
    assert.deepEqual(node.runtime.violations, []);
    // A thread that waits in the kernel would keep the process from ending, so it gets what it waits for.
    closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
  });
});
