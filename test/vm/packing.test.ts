import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { allBut, cpuset, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { annotated, guaranteedResources, integer, shared } from '../e2e/harness/pods.ts';
import { CACHES, countBroken, countTouched, EXPECTED, NODES, nodesOf, PACKAGES } from './machine.ts';
import { assertDisjoint, cpusOf, whereabouts } from './whereabouts.ts';

const NODE_SIZE = NODES[0]!.size;
const ALL_NODES = `0-${NODES.length - 1}`;

describeOnEveryRelease('A machine with packages, nodes, caches and cores', (host) => {
  test('containers of one to four CPUs get whole cores, the odd ones share a core, each on one node', async () => {
    await host.plugin();
    const places: Cpuset[] = [];
    for (const size of [1, 3, 2, 4]) {
      const { cpus, mems } = await whereabouts(await host.run(integer(size)));
      assert.equal(cpus.size, size);
      assert.equal(countBroken(cpus), size % 2, `${cpus} are whole cores but for an odd one`);
      assert.equal(countTouched(cpus, NODES), 1);
      assert.equal(mems, ALL_NODES, 'memory of integer containers is unrestricted');
      places.push(cpus);
    }
    assertDisjoint(places);
    assert.equal(countBroken(Cpuset.union(places)), 0);
  });

  test('a node, a node and a half and a package are as few nodes, packages and caches as that takes', async () => {
    await host.plugin();
    for (const [size, nodes] of [
      [NODE_SIZE, 1],
      [NODE_SIZE * 1.5, 2],
      [NODE_SIZE * 2, 2],
    ] as const) {
      const container = await host.run(integer(size));
      const { cpus } = await whereabouts(container);
      assert.equal(cpus.size, size);
      assert.equal(countBroken(cpus), 0);
      assert.equal(countTouched(cpus, NODES), nodes);
      assert.equal(countTouched(cpus, PACKAGES), 1);
      assert.ok(!cpus.has(0), 'the core of CPU 0 is spared');
      assert.equal(countTouched(cpus, CACHES), EXPECTED.hasCachePerNode ? nodes : 1);
      await container.pod.remove();
    }
  });

  test('small containers fill up a package and a node in use before they open others, so that whole ones are left', async () => {
    await host.plugin();
    await host.run(annotated(`${NODES[0]}`));
    const small = [await host.run(integer(2)), await host.run(integer(2))];
    const used = Cpuset.union(await cpusOf(small));
    assert.ok(used.isSubsetOf(NODES[1]!), `${used} are beside the node that is taken already`);
    const { cpus } = await whereabouts(await host.run(integer(NODE_SIZE)));
    assert.equal(countTouched(cpus, NODES), 1);
    assert.ok(!cpus.intersects(used));
  });

  test('a pinned container gets the memory of its CPUs: of one node, of two, of two packages, of all', async () => {
    await host.plugin();
    const firstOf = (...ids: number[]) => Cpuset.from(ids.map((id) => NODES[id]!.last));
    for (const cpus of [firstOf(1), firstOf(2, 3), firstOf(1, 2), firstOf(0, 1, 2, 3)]) {
      const container = await host.run(annotated(`${cpus}`));
      assert.deepEqual(await whereabouts(container), { cpus: cpuset(`${cpus}`), mems: nodesOf(cpus) });
      await container.pod.remove();
    }
  });

  test('a container resized in place grows on its node, keeps what it has, and shrinks to whole cores', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    const container = await host.run(integer(2));
    const { pid } = await container.inspect();
    const two = (await whereabouts(container)).cpus;
    await container.resize(guaranteedResources(NODE_SIZE));
    const grown = (await whereabouts(container)).cpus;
    assert.equal(grown.size, NODE_SIZE);
    assert.ok(two.isSubsetOf(grown));
    assert.equal(countBroken(grown), 0);
    assert.equal(countTouched(grown, NODES), 1);
    assert.equal(await pooled.cpus(), allBut(grown));

    const tooMany = container.resize(guaranteedResources(ONLINE.size));
    await assert.rejects(tooMany, /exclusive CPUs/);
    assert.deepEqual((await whereabouts(container)).cpus, grown);

    await container.resize(guaranteedResources(2));
    const shrunk = (await whereabouts(container)).cpus;
    assert.equal(shrunk.size, 2);
    assert.ok(shrunk.isSubsetOf(grown));
    assert.equal(countBroken(shrunk), 0);
    assert.equal((await container.inspect()).pid, pid);
  });

  test('forbidden CPUs are given to no integer container and taken from the pool of a shared one', async () => {
    await host.plugin();
    const forbidden = NODES[1]!.union(NODES[2]!).union(NODES[3]!);
    const annotations = { 'weka.io/forbid-core-ids': `${forbidden}` };
    const exclusive = (await whereabouts(await host.run(integer(2, { annotations })))).cpus;
    assert.ok(!exclusive.intersects(forbidden));
    assert.equal(countBroken(exclusive), 0);
    const pooled = await host.run(shared({ annotations }));
    assert.equal(await pooled.cpus(), `${NODES[0]!.minus(exclusive)}`);
    await assert.rejects(host.create(integer(NODE_SIZE, { annotations })), /exclusive CPUs/);
  });

  test('in one pod one container is pinned, one has CPUs of its own and one has opted out of them', async () => {
    await host.plugin();
    const pinned = NODES[3]!.lowest(3);
    const pod = await host.pod({
      qos: 'guaranteed',
      annotations: { 'weka.io/cores-ids.pinned': `${pinned}`, 'weka.io/exclusive.sidecar': 'false' },
    });
    const containers = [];
    for (const name of ['pinned', 'worker', 'sidecar']) {
      containers.push(await pod.start(name, { resources: guaranteedResources(2) }));
    }
    const [first, second, third] = await cpusOf(containers);
    assert.equal(`${first}`, `${pinned}`);
    assert.equal(second!.size, 2);
    assert.equal(countBroken(second!), 0);
    assert.equal(`${third}`, `${allBut(pinned.union(second!))}`);
  });

  test('a container made anew in its pod has its CPUs again though better ones are free', async () => {
    await host.plugin();
    const first = await host.run(integer(2));
    const container = await host.run(integer(2));
    const [, own] = await cpusOf([first, container]);
    await first.pod.remove();
    await container.stop();
    await container.remove();
    const again = await container.pod.start('main', integer(2));
    assert.equal(await again.cpus(), `${own}`);
  });

  test("a pod's class is understood in systemd's notation of cgroup parents too", async () => {
    await host.plugin();
    const slice = (name: string) => ({ cgroupParent: `kubepods-${name}pod${host.release.length}a.slice` });
    const [exclusive, pooled] = await cpusOf([
      await host.run(integer(2, slice(''))),
      await host.run(integer(2, slice('burstable-'))),
    ]);
    assert.equal(exclusive!.size, 2);
    assert.equal(`${pooled}`, allBut(exclusive!));
  });

  test('memory is not restricted where the policy says so, nor that of shared containers ever', async () => {
    await host.plugin({ numaMemoryPolicy: 'none' });
    for (const workload of [annotated(`${NODES[2]}`), shared()]) {
      assert.equal((await whereabouts(await host.run(workload))).mems, ALL_NODES);
    }
  });
});
