import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { annotated, type Container, guaranteedResources, integer, shared } from './harness/pods.ts';

// CPUs 0-3 and 8-11 are the cores 0,8 1,9 2,10 3,11 of one package and node, the others those of the second one.
const SMALL = '2 packages, 4 cores, SMT 2, siblings apart';
const LARGE = '2 packages, 2 nodes, 16 cores, SMT 2';

/** Where the created container would run. */
async function cpusOf(container: Container): Promise<Cpuset> {
  return parseCpuList((await container.inspect()).cpu.cpus ?? '', { max: 127, allowEmpty: true });
}

function assertDisjoint(sets: readonly Cpuset[]): void {
  const total = sets.reduce((sum, set) => sum + set.size, 0);
  assert.equal(Cpuset.union(sets).size, total, `no CPU is in two of ${sets.join(' | ')}`);
}

/** Asserts that a set is made of whole cores of the topology. */
function assertWholeCores(topology: string, cpus: Cpuset): void {
  const cores = parseTopologySpec(topology).cores.filter((core) => core.intersects(cpus));
  assert.ok(Cpuset.union(cores).equals(cpus), `${cpus} are whole cores`);
}

function nodesOf(topology: string, cpus: Cpuset): number[] {
  return parseTopologySpec(topology)
    .nodes.filter((node) => node.cpus.intersects(cpus))
    .map((node) => node.id);
}

describeOnEveryRelease(
  'Two packages of four cores with two threads each',
  (host) => {
    test('exclusive CPUs are whole cores of one node, and not the core of CPU 0', async () => {
      await host.plugin();
      const cpus = await cpusOf(await host.create(integer(4)));
      assert.equal(cpus.size, 4);
      assertWholeCores(SMALL, cpus);
      assert.equal(nodesOf(SMALL, cpus).length, 1);
      assert.ok(!cpus.has(0));
    });

    test('a whole node goes to the container that fills it', async () => {
      await host.plugin();
      await host.create(integer(2));
      const cpus = await cpusOf(await host.create(integer(8)));
      assert.equal(cpus.size, 8);
      assert.equal(nodesOf(SMALL, cpus).length, 1);
    });

    test('a single CPU goes beside the odd one of another container before it splits a core', async () => {
      await host.plugin();
      const three = await cpusOf(await host.create(integer(3)));
      const one = await cpusOf(await host.create(integer(1)));
      assert.equal(three.size, 3);
      assert.equal(one.size, 1);
      assertDisjoint([three, one]);
      assertWholeCores(SMALL, three.union(one));
    });

    test('shared containers get what is left and their own forbidden CPUs never', async () => {
      await host.plugin();
      const exclusive = await cpusOf(await host.create(integer(4)));
      const pinned = await cpusOf(await host.create(annotated('0,8')));
      const rest = Cpuset.range(0, 15).minus(exclusive).minus(pinned);
      assert.equal(`${await cpusOf(await host.create(shared()))}`, `${rest}`);
      const annotations = { 'weka.io/forbid-core-ids': '0-7' };
      const forbidding = await host.create(shared({ annotations }));
      assert.equal(`${await cpusOf(forbidding)}`, `${rest.intersect(Cpuset.range(8, 15))}`);
    });

    test('annotated containers get the memory nodes of their CPUs, also when those are of both packages', async () => {
      await host.plugin();
      for (const [cpus, mems] of [
        ['0-1,8', '0'],
        ['12', '1'],
        ['3-4', '0-1'],
      ] as const) {
        const { cpu } = await (await host.create(annotated(cpus))).inspect();
        assert.deepEqual([cpu.cpus, cpu.mems], [cpus, mems]);
      }
    });

    test('memory is not restricted when the policy says so', async () => {
      await host.plugin({ numaMemoryPolicy: 'none' });
      const { cpu } = await (await host.create(annotated('12'))).inspect();
      assert.equal(cpu.cpus, '12');
      assert.equal(cpu.mems, undefined);
    });

    test('a container resized by whole CPUs keeps those it has and stays on whole cores', async () => {
      await host.plugin();
      const container = await host.create(integer(2));
      const two = await cpusOf(container);
      await container.resize(guaranteedResources(6));
      const six = await cpusOf(container);
      assert.equal(six.size, 6);
      assert.ok(two.isSubsetOf(six));
      assertWholeCores(SMALL, six);
      assert.equal(nodesOf(SMALL, six).length, 1);

      await container.resize(guaranteedResources(4));
      const four = await cpusOf(container);
      assert.equal(four.size, 4);
      assert.ok(four.isSubsetOf(six));
      assertWholeCores(SMALL, four);
    });

    test('growth that does not fit is refused with the numbers', async () => {
      await host.plugin();
      const container = await host.create(integer(2));
      await host.create(integer(8));
      const before = await cpusOf(container);
      await assert.rejects(container.resize(guaranteedResources(9)), /9 exclusive CPUs/);
      assert.ok((await cpusOf(container)).equals(before));
    });

    test('integer containers make way for an annotated one, each to a whole core', async () => {
      await host.plugin();
      const containers: Container[] = [];
      for (let i = 0; i < 3; i++) containers.push(await host.create(integer(2)));
      const requested = Cpuset.union(await Promise.all(containers.map(cpusOf)));
      const pinned = await host.create(annotated(`${requested}`));

      const places = await Promise.all(containers.map(cpusOf));
      assert.equal(`${await cpusOf(pinned)}`, `${requested}`);
      assertDisjoint([requested, ...places]);
      for (const cpus of places) {
        assert.equal(cpus.size, 2);
        assertWholeCores(SMALL, cpus);
      }
    });

    test('forbidden CPUs bind a container also when it has to move', async () => {
      await host.plugin();
      const bound = await host.create(integer(1, { annotations: { 'weka.io/forbid-core-ids': '0-13' } }));
      const free = await host.create(integer(7, { annotations: { 'weka.io/forbid-core-ids': '14-15' } }));
      const before = await cpusOf(bound);
      await host.create(annotated(`${before}`));
      assert.equal(`${await cpusOf(bound)}`, `${Cpuset.range(14, 15).minus(before)}`);
      assertDisjoint([before, await cpusOf(bound), await cpusOf(free)]);
    });

    test('a container that is made anew in its pod gets its CPUs again, though others are free', async () => {
      await host.plugin();
      const other = await host.create(integer(2));
      const container = await host.create(integer(2));
      const own = await cpusOf(container);
      await other.pod.remove();
      await container.remove();
      const again = await container.pod.create('main', integer(2));
      assert.equal(`${await cpusOf(again)}`, `${own}`);
    });

    test('a pod that is made anew under its old name gets its CPUs again', async () => {
      await host.plugin();
      const other = await host.create(integer(2));
      const container = await host.create(integer(2));
      const own = await cpusOf(container);
      await other.pod.remove();
      await container.pod.remove();
      const again = await host.create(integer(2, { name: container.pod.config.metadata.name }));
      assert.equal(`${await cpusOf(again)}`, `${own}`);
    });

    test('where there is no room to make way the annotated container is refused with the numbers', async () => {
      await host.plugin();
      const containers = [await host.create(integer(8)), await host.create(integer(4))];
      const before = await Promise.all(containers.map(cpusOf));
      await assert.rejects(host.create(annotated(`${before[0]}`)), /8 .* CPUs/);
      const after = await Promise.all(containers.map(cpusOf));
      assert.deepEqual(after.map(String), before.map(String));
    });
  },
  { topology: SMALL },
);

describeOnEveryRelease(
  'A hundred and twenty-eight CPUs',
  (host) => {
    test('twenty containers make way at once for one that wants all their CPUs', async () => {
      await host.plugin();
      const containers: Container[] = [];
      for (let i = 0; i < 20; i++) containers.push(await host.create(integer(2)));
      const requested = Cpuset.union(await Promise.all(containers.map(cpusOf)));
      assert.equal(requested.size, 40);
      const pooled = await host.create(shared());
      const pinned = await host.create(annotated(`${requested}`));

      assert.ok((await cpusOf(pinned)).equals(requested));
      const places = await Promise.all(containers.map(cpusOf));
      assertDisjoint([requested, ...places, await cpusOf(pooled)]);
      for (const cpus of places) {
        assert.equal(cpus.size, 2);
        assertWholeCores(LARGE, cpus);
      }
    });
  },
  { topology: LARGE },
);
