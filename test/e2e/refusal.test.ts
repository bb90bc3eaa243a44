import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBut, FIRST, HIGHEST_CPU, LAST, ONLINE } from './harness/cpus.ts';
import { describeOnEveryRelease, type Host } from './harness/host.ts';
import { annotated, integer, shared, type Workload } from './harness/pods.ts';

/** Asserts that the runtime refuses the container, in words that say whose it is and all of `parts`. */
async function assertRefused(host: Host, workload: Workload, ...parts: string[]): Promise<void> {
  const pod = await host.pod(workload);
  const { namespace, name } = pod.config.metadata;
  await assert.rejects(pod.create('main', workload), ({ message }: Error) => {
    for (const part of [`${namespace}/${name}`, 'main', ...parts]) {
      assert.ok(message.includes(part), `the message says ${JSON.stringify(part)}: ${message}`);
    }
    return true;
  });
}

describeOnEveryRelease('Refusal', (host) => {
  test('an integer container that does not fit is refused, with the numbers and who holds the CPUs', async () => {
    await host.plugin();
    const holder = await host.run(annotated(`${FIRST}`));
    const { namespace, name } = holder.pod.config.metadata;
    await assertRefused(
      host,
      integer(ONLINE.size),
      `${ONLINE.size}`,
      `${ONLINE.size - 1}`,
      `${namespace}/${name}`,
    );
  });

  test('an integer container that would leave too few CPUs to shared ones is refused', async () => {
    await host.plugin();
    await assertRefused(host, integer(ONLINE.size), 'minSharedCpus');
  });

  test('an annotated container that would leave too few CPUs to shared ones is refused', async () => {
    await host.plugin();
    await assertRefused(host, annotated(`${ONLINE}`), 'minSharedCpus');
  });

  test('a container that would leave a running shared one without CPUs is refused', async () => {
    await host.plugin({ minSharedCpus: 0 });
    const pooled = await host.run(shared({ annotations: { 'weka.io/forbid-core-ids': allBut(LAST) } }));
    const { namespace, name } = pooled.pod.config.metadata;
    await assertRefused(host, annotated(`${LAST}`), `${namespace}/${name}`);
    assert.equal(await pooled.cpus(), `${LAST}`);
  });

  test('a CPU that this machine cannot have is refused and quoted', async () => {
    await host.plugin();
    const list = `${FIRST},${HIGHEST_CPU + 1}`;
    await assertRefused(host, annotated(list), JSON.stringify(list), JSON.stringify(`${HIGHEST_CPU + 1}`));
  });

  test('a value that is no CPU list is refused and quoted', async () => {
    await host.plugin();
    for (const list of ['', '1-0', '-1', 'all', '0,,1', '0-4294967295']) {
      await assertRefused(host, annotated(list), JSON.stringify(list));
    }
  });

  test('a protected CPU may not be pinned', async () => {
    await host.plugin({ protectedCpus: `${FIRST}` });
    await assertRefused(host, annotated(`${FIRST}`), 'protected');
    const allowed = await host.run(annotated(`${LAST}`));
    assert.equal(await allowed.cpus(), `${LAST}`);
  });

  test('a namespace that may not pin is refused', async () => {
    await host.plugin({ pinningNamespaces: ['storage-*'] });
    await assertRefused(host, annotated(`${LAST}`, { namespace: 'web' }), 'namespace');
    const allowed = await host.run(annotated(`${LAST}`, { namespace: 'storage-1' }));
    assert.equal(await allowed.cpus(), `${LAST}`);
  });

  test('a refusal leaves everything as it was', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    const exclusive = await host.run(integer(1));
    const own = await exclusive.cpus();
    await assertRefused(host, integer(ONLINE.size), 'CPUs');
    assert.equal(await exclusive.cpus(), own);
    assert.equal(await pooled.cpus(), allBut(own));
    await exclusive.pod.remove();
    assert.equal(await (await host.run(integer(1))).cpus(), own);
  });
});
