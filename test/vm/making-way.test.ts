import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { allBut, ONLINE } from '../e2e/harness/cpus.ts';
import { describeOnEveryRelease } from '../e2e/harness/host.ts';
import { lastCpu } from '../e2e/harness/kernel.ts';
import { annotated, BUSY, type Container, integer, shared } from '../e2e/harness/pods.ts';
import { until } from '../e2e/harness/until.ts';
import { countBroken } from './machine.ts';
import { Sampler } from './sampler.ts';
import { assertDisjoint, cpusOf } from './whereabouts.ts';

describeOnEveryRelease('Running containers make way', (host) => {
  test('several busy integer containers move to whole cores, never two on one CPU, and go on running', async (t) => {
    await host.plugin();
    const busy: Container[] = [];
    for (let i = 0; i < 3; i++) busy.push(await host.run(integer(2, { command: BUSY })));
    const pooled = await host.run(shared());
    const requested = Cpuset.union(await cpusOf(busy));
    const pids = await Promise.all(busy.map(async (container) => (await container.inspect()).pid));

    const sampler = new Sampler(t, pids);
    const pinned = await host.run(annotated(`${requested}`));
    const places = await cpusOf(busy);
    // Where the kernel has let them run since, they do run.
    await until('all run on their new CPUs', () => pids.every((pid, i) => places[i]!.has(lastCpu(pid))));
    await sampler.end();

    assert.equal(await pinned.cpus(), `${requested}`);
    assertDisjoint([requested, ...places]);
    for (const cpus of places) assert.equal(countBroken(cpus), 0);
    assert.equal(await pooled.cpus(), allBut(Cpuset.union([requested, ...places])));
    const now = await Promise.all(busy.map((container) => container.inspect()));
    assert.deepEqual(
      now.map(({ running, pid }) => (running ? pid : undefined)),
      pids,
    );

    const quiet = sampler.quiet();
    assert.ok(sampler.placements > 1, 'the move was watched');
    for (const { allowed, last } of quiet) {
      assertDisjoint(allowed);
      for (const [i, cpus] of allowed.entries())
        assert.ok(cpus.has(last[i]!), `CPU ${last[i]} is in ${cpus}`);
    }
  });

  test('where there is no room for all of them the pinned container is refused and nobody moves', async () => {
    await host.plugin();
    const large = await host.run(integer(ONLINE.size - 4, { command: BUSY }));
    const pooled = await host.run(shared());
    const before = await cpusOf([large, pooled]);
    await assert.rejects(host.create(annotated(`${before[0]}`)), / CPUs/);
    assert.deepEqual(await cpusOf([large, pooled]), before);
  });
});
