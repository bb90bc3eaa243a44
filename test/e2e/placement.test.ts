import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, FIRST, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease } from './harness/host.ts';
import { annotated, guaranteedResources, integer, shared } from './harness/pods.ts';
import { until } from './harness/until.ts';

describeOnEveryRelease('Placement', (host) => {
  test('an annotated container runs on exactly the CPUs it names', async () => {
    await host.plugin();
    const container = await host.run(annotated(` ${LAST} `));
    assert.equal(await container.cpus(), `${LAST}`);
  });

  test('an annotated container gets the memory of the nodes of its CPUs, others are not restricted', async () => {
    await host.plugin();
    const pinned = await host.run(annotated(`${LAST}`));
    const { mems } = (await pinned.inspect()).cpu;
    assert.match(mems ?? '', /^\d+$/);
    assert.equal((await pinned.kernel()).mems, mems);
    await pinned.pod.remove();

    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    assert.equal((await exclusive.inspect()).cpu.mems, undefined);
    assert.equal((await pooled.inspect()).cpu.mems, undefined);
  });

  test('an integer container gets a CPU of its own and the shared ones get the others', async () => {
    await host.plugin();
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    const own = await exclusive.cpus();
    assert.match(own, /^\d+$/);
    assert.equal(await pooled.cpus(), allBut(own));
  });

  test('a container of a Guaranteed pod with a fractional CPU limit is shared', async () => {
    await host.plugin();
    const container = await host.run({ qos: 'guaranteed', resources: guaranteedResources(0.5) });
    assert.equal(await container.cpus(), `${ONLINE}`);
  });

  test('whole CPUs in a Burstable pod are not exclusive', async () => {
    await host.plugin();
    const container = await host.run(integer(1, { qos: 'burstable' }));
    assert.equal(await container.cpus(), `${ONLINE}`);
  });

  test('the shared pool shrinks when an exclusive container comes and grows when it ends', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    assert.equal(await pooled.cpus(), `${ONLINE}`);

    const pinned = await host.run(annotated(`${FIRST}`));
    assert.equal(await pooled.cpus(), allBut(FIRST));
    await pinned.stop();
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);

    const exclusive = await host.run(integer(1));
    const own = await exclusive.cpus();
    assert.equal(await pooled.cpus(), allBut(own));
    await exclusive.stop();
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
  });

  test('the pool grows also when an exclusive container ends by itself', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    await host.run(annotated(`${FIRST}`, { command: ['/bin/sleep', '0.2'] }));
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
  });

  test('annotated containers may share CPUs, which are reserved until the last one ends', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    const one = await host.run(annotated(`${LAST}`));
    const other = await host.run(annotated(`${LAST}`));
    await one.pod.remove();
    assert.equal(await other.cpus(), `${LAST}`);
    assert.equal(await pooled.cpus(), allBut(LAST));
    await other.pod.remove();
    await until('the pool has grown', async () => (await pooled.cpus()) === `${ONLINE}`);
  });

  for (const allowed of [FIRST, LAST]) {
    test(`forbidden CPUs are kept from integer and shared containers: all but ${allowed}`, async () => {
      await host.plugin({ minSharedCpus: 0 });
      const annotations = { 'weka.io/forbid-core-ids': allBut(allowed) };
      const pooled = await host.run(shared({ annotations }));
      assert.equal(await pooled.cpus(), `${allowed}`);
      await pooled.pod.remove();
      const exclusive = await host.run(integer(1, { annotations }));
      assert.equal(await exclusive.cpus(), `${allowed}`);
    });
  }

  test('annotated containers ignore forbidden CPUs', async () => {
    await host.plugin();
    const annotations = { 'weka.io/forbid-core-ids': `${FIRST}` };
    const container = await host.run(annotated(`${FIRST}`, { annotations }));
    assert.equal(await container.cpus(), `${FIRST}`);
  });

  test('a malformed list of forbidden CPUs forbids nothing and is warned of', async () => {
    await host.plugin();
    const container = await host.run(shared({ annotations: { 'weka.io/forbid-core-ids': '0-x' } }));
    assert.equal(await container.cpus(), `${ONLINE}`);
    const warnings = host.pluginLog().filter(({ level }) => level === 'warn');
    assert.ok(warnings.some(({ msg }) => `${msg}`.includes('"0-x"')));
  });

  test('a pod may have its whole CPUs shared', async () => {
    await host.plugin();
    const container = await host.run(integer(1, { annotations: { 'weka.io/exclusive': 'false' } }));
    assert.equal(await container.cpus(), `${ONLINE}`);
  });

  test('a single container of a pod may have its whole CPUs shared', async () => {
    await host.plugin();
    const pod = await host.pod({ qos: 'guaranteed', annotations: { 'weka.io/exclusive.sidecar': 'false' } });
    const sidecar = await pod.start('sidecar', { resources: guaranteedResources(1) });
    const main = await pod.start('main', { resources: guaranteedResources(1) });
    const own = await main.cpus();
    assert.match(own, /^\d+$/);
    assert.equal(await sidecar.cpus(), allBut(own));
  });

  test('a pin of one container leaves the others of its pod in the pool', async () => {
    await host.plugin();
    const pod = await host.pod({ annotations: { 'weka.io/cores-ids.pinned': `${FIRST}` } });
    const pinned = await pod.start('pinned');
    const other = await pod.start('other');
    assert.equal(await pinned.cpus(), `${FIRST}`);
    assert.equal(await other.cpus(), allBut(FIRST));
  });

  test('a pin of one container wins over that of its pod', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const pod = await host.pod({
      annotations: { 'weka.io/cores-ids': `${FIRST}`, 'weka.io/cores-ids.special': `${LAST}` },
    });
    const special = await pod.start('special');
    const other = await pod.start('other');
    assert.equal(await special.cpus(), `${LAST}`);
    assert.equal(await other.cpus(), `${FIRST}`);
  });

  test('reserved CPUs stay in the pool and are not given to integer containers', async () => {
    await host.plugin({ reservedCpus: allBut(LAST) });
    const exclusive = await host.run(integer(1));
    const pooled = await host.run(shared());
    assert.equal(await exclusive.cpus(), `${LAST}`);
    assert.equal(await pooled.cpus(), allBut(LAST));
  });

  test('the domain of the annotations is configurable', async () => {
    await host.plugin({ annotationDomain: 'example.org' });
    const container = await host.run({ annotations: { 'example.org/cores-ids': `${LAST}` } });
    const other = await host.run(annotated(`${FIRST}`));
    assert.equal(await container.cpus(), `${LAST}`);
    assert.equal(await other.cpus(), allBut(LAST));
  });
});
