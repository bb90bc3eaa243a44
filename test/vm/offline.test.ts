import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { allBut, cpuset, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease, type Host } from '../e2e/harness/host.ts';
import { annotated, integer, shared } from '../e2e/harness/pods.ts';
import { until } from '../e2e/harness/until.ts';
import { CORES, countBroken, NODES, setOnline } from './machine.ts';
import { cpusOf, whereabouts } from './whereabouts.ts';

const RECONCILE = { hostInterval: 0.5, after: 1, growthAfter: 1 };

/** Whether the plugin has said so in its log. */
function hasLogged(host: Host, message: string): boolean {
  return host.pluginLog().some(({ msg }) => String(msg).includes(message));
}

// containerd takes no updates without an event, so the plugin connects anew to put something right, twice a minute at most:
// every test has a plugin of its own.
describeOnEveryRelease('CPUs that go offline', (host) => {
  beforeEach(() => host.endPlugin());

  test('an integer container whose CPUs all go is unpinned by the kernel, and moved by the plugin', async (t) => {
    await host.plugin({ reconcile: RECONCILE });
    const other = await host.run(integer(2));
    const lost = await host.run(integer(2));
    const pooled = await host.run(shared());
    const { pid } = await lost.inspect();
    const [others, own] = await cpusOf([other, lost]);
    setOnline(t, own!, false);
    await until('it is moved', async () => !cpuset((await lost.kernel()).cpus).intersects(own!));

    const [same, now] = await cpusOf([other, lost]);
    assert.equal(`${same}`, `${others}`);
    assert.equal(now!.size, 2);
    assert.equal(countBroken(now!), 0);
    assert.ok(!now!.intersects(others!));
    assert.equal((await lost.inspect()).pid, pid);
    assert.equal(`${(await whereabouts(pooled)).cpus}`, allBut(Cpuset.union([own!, others!, now!])));
  });

  test('an integer container that loses one of its CPUs has as many as before', async (t) => {
    await host.plugin({ reconcile: RECONCILE });
    const container = await host.run(integer(4));
    const { cpus } = await whereabouts(container);
    setOnline(t, cpus.lowest(1), false);
    await until('it has four again', async () => (await whereabouts(container)).cpus.size === 4);
    const now = (await whereabouts(container)).cpus;
    assert.ok(!now.intersects(cpus.lowest(1)));
  });

  test('a pinned container whose CPU goes is reported and left alone, and is on it again when it is back', async (t) => {
    await host.plugin({ reconcile: RECONCILE });
    const cpu = CORES.find((core) => core.isSubsetOf(NODES[1]!))!.lowest(1);
    const pinned = await host.run(annotated(`${cpu}`));
    setOnline(t, cpu, false);
    await until('it is reported', () =>
      hasLogged(host, `pinned to CPUs ${cpu}, of which ${cpu} are offline`),
    );
    assert.equal((await pinned.kernel()).cpus, `${cpu}`);
    assert.equal(`${(await whereabouts(pinned)).cpus}`, allBut(cpu), 'the kernel lets it run anywhere');
    await assert.rejects(host.create(annotated(`${cpu}`)), /offline/);

    setOnline(t, cpu, true);
    await until('the kernel lets it run there', async () => (await whereabouts(pinned)).cpus.equals(cpu));
    assert.deepEqual(await whereabouts(pinned), { cpus: cpu, mems: '1' });
    const next = await host.run(shared());
    assert.equal(await next.cpus(), allBut(cpu));
  });

  test('a shared container whose CPUs all go is told its new share', async (t) => {
    await host.plugin({ poolGrowth: { rate: 0, burst: 0 }, reconcile: RECONCILE });
    const kept = NODES[2]!.lowest(1);
    const lost = NODES[3]!.lowest(1);
    const pinned = await host.run(annotated(`${kept}`));
    const annotations = { 'weka.io/forbid-core-ids': allBut(kept.union(lost)) };
    const pooled = await host.run(shared({ annotations }));
    assert.equal(await pooled.cpus(), `${lost}`);
    await pinned.pod.remove();
    assert.equal(await pooled.cpus(), `${lost}`, 'it has not grown');

    setOnline(t, lost, false);
    await until(
      'it is on the CPU that is left to it',
      async () => (await pooled.kernel()).cpus === `${kept}`,
    );
    assert.equal(`${(await whereabouts(pooled)).cpus}`, `${kept}`);
  });

  test('the pool loses the CPUs of a whole node and has them again', async (t) => {
    await host.plugin({ reconcile: RECONCILE });
    const pooled = await host.run(shared());
    const node = NODES[3]!;
    setOnline(t, node, false);
    await until(
      'the kernel keeps it from there',
      async () => `${(await whereabouts(pooled)).cpus}` === allBut(node),
    );
    await until('the plugin notices', () => hasLogged(host, 'the CPUs of the host changed'));
    const exclusive = (await whereabouts(await host.run(integer(2)))).cpus;
    assert.ok(!exclusive.intersects(node));
    const meanwhile = await host.run(shared());
    assert.equal(await meanwhile.cpus(), allBut(node.union(exclusive)));

    setOnline(t, node, true);
    await until('the pool has grown', async () => (await meanwhile.cpus()) === allBut(exclusive));
    assert.equal(`${(await whereabouts(pooled)).cpus}`, `${ONLINE.minus(exclusive)}`);
  });
});
