import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { test } from 'node:test';
import { allBut } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { integer, shared } from '../e2e/harness/pods.ts';
import { NODES } from './machine.ts';
import { allowed, whereabouts } from './whereabouts.ts';

/** Since 6.2 Linux remembers what a thread has asked for when its cpuset changes (sched_setaffinity(2)). */
const KERNEL_REMEMBERS = (([major = 0, minor = 0]) => major > 6 || (major === 6 && minor >= 2))(
  release().split('.').map(Number),
);

describeOnEveryRelease('A process that has chosen some of the CPUs of its container', (host) => {
  test('stays on them while others come and go, until the CPUs of its own container change', async () => {
    await host.plugin();
    const pooled = await host.run(shared());
    const { pid } = await pooled.inspect();
    const chosen = NODES[3]!.lowest(2);
    execFileSync('taskset', ['-p', '-c', `${chosen}`, `${pid}`], { stdio: 'ignore' });
    assert.equal(allowed(pid, 'Cpus'), `${chosen}`);

    await host.run(shared());
    await host.endPlugin();
    await host.plugin();
    assert.equal(allowed(pid, 'Cpus'), `${chosen}`, 'nothing was told that changes nothing');

    const { cpus } = await whereabouts(await host.run(integer(2)));
    assert.ok(!cpus.intersects(chosen));
    assert.equal(allowed(pid, 'Cpus'), KERNEL_REMEMBERS ? `${chosen}` : allBut(cpus));
  });
});
