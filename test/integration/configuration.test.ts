import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AdminClient } from '../../src/main/admin/client.ts';
import { until } from '../e2e/harness/until.ts';
import { swapConfigMap } from '../main/config-map.ts';
import { cpuset, Node, NRI_VERSIONS } from './node.ts';

const TOPOLOGY = '1 package, 8 cores, SMT 2, siblings adjacent';
const ALL = cpuset('0-15');
const QUICK = 'after=0.3,growthAfter=0.3,driftInterval=0';

/** A node whose plugin is configured by a ConfigMap, and what changes that. */
async function start(context: TestContext, nriVersion: string, settings: Readonly<Record<string, string>>) {
  let configMap = '';
  const swap = (changed: Readonly<Record<string, string>>) =>
    swapConfigMap(configMap, { reconcile: QUICK, ...changed });
  const node = await Node.start(context, {
    topology: TOPOLOGY,
    nriVersion,
    flags: (folder) => {
      configMap = join(folder, 'config');
      mkdirSync(configMap);
      swap(settings);
      return ['--config', configMap];
    },
  });
  return { node, swap };
}

for (const [title, nriVersion] of Object.entries(NRI_VERSIONS)) {
  describe(`A change of the configuration with ${title}`, () => {
    it('moves integer containers off CPUs that are reserved from now on', async (t) => {
      const { node, swap } = await start(t, nriVersion, { minSharedCpus: '1' });
      const moved = await node.run('moved', { cpus: 2 });
      const other = await node.run('other', { cpus: 2 });
      const web = await node.run('web');
      const [before, others] = [node.cpusOf(moved), node.cpusOf(other)];

      swap({ minSharedCpus: '1', reservedCpus: `${before}` });
      await until('the container is moved', () => !node.cpusOf(moved).intersects(before));
      const now = node.cpusOf(moved);
      assert.equal(now.size, 2);
      assert.equal(`${node.cpusOf(other)}`, `${others}`);
      assert.ok(!node.cpusOf(web).intersects(now));
      const next = await node.run('next', { cpus: 2 });
      assert.ok(!node.cpusOf(next).intersects(before));
      await node.runtime.updateContainer(web.id, { cpus: { request: 0.2 } });
      assert.ok(before.isSubsetOf(node.cpusOf(web)), 'reserved CPUs are for shared containers');
      assert.deepEqual(node.runtime.violations, []);
    });

    it('that is wrong is reported and changes nothing, and the next right one counts', async (t) => {
      const { node, swap } = await start(t, nriVersion, { minSharedCpus: '8' });
      const one = await node.run('one', { cpus: 2 });
      const web = await node.run('web');
      const [own, pool] = [node.cpusOf(one), node.cpusOf(web)];

      swap({ minSharedCpus: '8', reservedCpus: `${own}`, priority: 'fastest' });
      const { msg, level } = await node.untilLogged(/priority/);
      assert.match(msg, /fastest.*stays in force/);
      assert.equal(level, 'error');
      await assert.rejects(node.run('large', { cpus: 7 }), /minSharedCpus/, 'the old settings are in force');
      assert.equal(`${node.cpusOf(one)}`, `${own}`);
      assert.equal(`${node.cpusOf(web)}`, `${pool}`);

      swap({ minSharedCpus: '1' });
      await node.untilLogged(/^the configuration file changed/);
      const large = await node.run('large', { cpus: 7 });
      assert.equal(`${node.cpusOf(web)}`, `${ALL.minus(own).minus(node.cpusOf(large))}`);
      assert.deepEqual(node.runtime.violations, []);
    });
  });

  describe(`A memory policy that needs NRI 0.12, with ${title}`, () => {
    it('is warned of once, and again when it was changed', async (t) => {
      const settings = { minSharedCpus: '1', numaMemoryPolicy: 'preferred' };
      const { node, swap } = await start(t, nriVersion, settings);
      const warned = () => node.log.filter(({ msg }) => msg.includes('needs a runtime with NRI 0.12')).length;
      const expected = nriVersion === '' ? 1 : 0;
      const moved = await node.run('moved', { cpus: 2 });
      const before = node.cpusOf(moved);
      swap({ ...settings, reservedCpus: `${before}` });
      await until('the container is moved', () => !node.cpusOf(moved).intersects(before));
      assert.equal(warned(), expected, 'not on each connection');
      const client = new AdminClient(node.adminSocket);
      for (const numaMemoryPolicy of ['strict', 'preferred']) {
        swap({ ...settings, numaMemoryPolicy });
        await until(`${numaMemoryPolicy} is in force`, async () => {
          const state = await client.state().catch(() => undefined);
          return state?.settings.numaMemoryPolicy === numaMemoryPolicy;
        });
      }
      // Behind all that was logged before.
      swap({ ...settings, priority: 'fastest' });
      await node.untilLogged(/fastest.*stays in force/);
      assert.equal(warned(), 2 * expected);
    });
  });

  describe(`Growth of the pool with ${title}`, () => {
    it('reaches all containers beyond the budget at a quiet moment', async (t) => {
      const { node } = await start(t, nriVersion, { poolGrowth: '20/s, burst 4' });
      const one = await node.run('one', { cpus: 2 });
      const pooled = [];
      for (let count = 0; count < 6; count++) pooled.push(await node.run(`web-${count}`));
      const { updates } = await node.runtime.stopContainer(one.id);
      assert.equal(updates.length, 4);
      for (const container of pooled) await node.untilOn(container, ALL);
      assert.deepEqual(node.runtime.violations, []);
      assert.equal(node.unsolicited + node.synchronized, 2, 'at once');
    });
  });
}
