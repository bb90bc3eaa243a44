import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { chooseExclusive, type ExclusiveRequest } from '../../src/placement/exclusive.ts';
import { regularHost } from './hosts.ts';

const HOST = { packages: 2, nodesPerPackage: 2, llcsPerNode: 2, coresPerLlc: 2, threads: 2 } as const;
const CPUS = 32;

const anySet = fc.uniqueArray(fc.nat({ max: CPUS - 1 }), { maxLength: CPUS }).map((ids) => Cpuset.from(ids));

const anyRequest: fc.Arbitrary<ExclusiveRequest> = fc
  .record({
    count: fc.integer({ min: 1, max: 8 }),
    taken: anySet,
    held: fc.oneof({ weight: 4, arbitrary: fc.constant(Cpuset.EMPTY) }, { weight: 1, arbitrary: anySet }),
    withheld: anySet,
    samePod: anySet,
    joining: anySet,
    preferred: fc.option(anySet, { nil: Cpuset.EMPTY, freq: 2 }),
    priority: fc.constantFrom('siblings' as const, 'numa' as const),
  })
  .map(({ taken, withheld, samePod, joining, ...request }) => {
    const held = request.held.minus(taken).lowest(request.count);
    const free = Cpuset.range(0, CPUS - 1)
      .minus(taken)
      .minus(held)
      .minus(withheld);
    const own = samePod.intersect(taken);
    return { ...request, taken, held, free, samePod: own, joining: joining.intersect(free) };
  });

/** A request, and parts of the free CPUs that are chosen from first. */
const anyQuestion = fc.tuple(anyRequest, anySet, anySet).map(([request, some, more]) => ({
  request,
  first: [some, some.union(more)].map((cpus) => cpus.intersect(request.free)),
}));

test('a choice does not depend on what was asked before', () => {
  fc.assert(
    fc.property(fc.array(anyQuestion, { minLength: 2, maxLength: 12 }), (questions) => {
      const topology = regularHost(HOST);
      for (const { request, first } of questions) {
        const fresh = chooseExclusive(regularHost(HOST), request, first);
        assert.equal(String(chooseExclusive(topology, request, first)), String(fresh));
      }
    }),
  );
});
