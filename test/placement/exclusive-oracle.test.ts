import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cpuset } from '../../src/placement/cpuset.ts';
import {
  chooseExclusive,
  compareCosts,
  type ExclusiveRequest,
  exclusiveCost,
  stillAsGood,
} from '../../src/placement/exclusive.ts';
import type { Topology } from '../../src/placement/topology.ts';
import { type HostCore, hostOf } from './hosts.ts';

const MOST_CPUS = 12;

interface Case {
  readonly topology: Topology;
  readonly request: ExclusiveRequest;
}

/**
 * Cores of one or two widths, some CPUs of them offline; domains that may or may not nest; ids in any order, with gaps. Few
 * different values make it likely that many answers are alike in all but the last criteria.
 */
const anyCores = fc
  .record({
    widths: fc.array(fc.constantFrom(1, 2, 2, 4, 8), { minLength: 1, maxLength: 2 }),
    domains: fc.constantFrom(1, 2, 4),
    nested: fc.boolean(),
    ids: fc.shuffledSubarray([...Array(16).keys()], { minLength: MOST_CPUS }),
    drawn: fc.array(
      fc.record({
        width: fc.nat({ max: 1 }),
        offline: fc.constantFrom(0, 0, 0, 1),
        package: fc.nat({ max: 1 }),
        node: fc.nat({ max: 3 }),
        llc: fc.nat({ max: 3 }),
        kind: fc.constantFrom(0, 0, 0, 1),
      }),
      { minLength: 2, maxLength: MOST_CPUS, size: 'max' },
    ),
  })
  .map(({ widths, domains, nested, ids, drawn }) => {
    const cores: HostCore[] = [];
    const unused = ids.slice(0, MOST_CPUS);
    for (const { width, offline, ...core } of drawn) {
      const cpus = unused.splice(0, Math.max(1, (widths[width] ?? widths[0]!) - offline));
      if (cpus.length === 0) break;
      const llc = core.llc % domains;
      const node = nested ? llc >> 1 : core.node % domains;
      cores.push({ cpus, llc, node, package: nested ? node : core.package, kind: nested ? 0 : core.kind });
    }
    return cores;
  });

const FREE = ['free', 'free', 'free', 'free'];

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    cores: anyCores,
    owners: fc.array(fc.constantFrom(...FREE, ...FREE, 'taken', 'samePod', 'held', 'withheld'), {
      minLength: MOST_CPUS,
      maxLength: MOST_CPUS,
    }),
    preferred: fc.option(fc.uniqueArray(fc.nat({ max: 15 })), { nil: undefined, freq: 3 }),
    joining: fc.option(fc.uniqueArray(fc.nat({ max: 15 })), { nil: undefined, freq: 2 }),
    count: fc.integer({ min: 1, max: MOST_CPUS }),
    priority: fc.constantFrom('siblings' as const, 'numa' as const),
  })
  .map(({ cores, owners, preferred, joining, count, priority }) => {
    const topology = hostOf(cores);
    const online = topology.online.toArray();
    const of = (...kinds: string[]) =>
      Cpuset.from(online.filter((_, index) => kinds.includes(owners[index]!)));
    const free = of('free');
    const held = of('held');
    const request: ExclusiveRequest = {
      count: held.size + (count % (free.size + 2)),
      free,
      taken: of('taken', 'samePod'),
      held,
      samePod: of('samePod'),
      priority,
      ...(preferred && { preferred: Cpuset.from(preferred) }),
      ...(joining && { joining: Cpuset.from(joining).intersect(free) }),
    };
    return { topology, request };
  });

function* subsets(cpus: readonly number[], count: number): Generator<number[]> {
  if (count === 0) yield [];
  for (let index = 0; index + count <= cpus.length; index++) {
    if (count === 0) return;
    for (const rest of subsets(cpus.slice(index + 1), count - 1)) yield [cpus[index]!, ...rest];
  }
}

function everyAnswer({ request }: Case): Cpuset[] {
  const held = request.held ?? Cpuset.EMPTY;
  const need = request.count - held.size;
  return [...subsets(request.free.toArray(), need)].map((cpus) => held.union(Cpuset.from(cpus)));
}

function leastCost(one: Case): readonly number[] {
  return everyAnswer(one)
    .map((cpus) => exclusiveCost(one.topology, one.request, cpus))
    .reduce((least, cost) => (compareCosts(cost, least) < 0 ? cost : least));
}

const describe = ({ topology, request }: Case) =>
  JSON.stringify({
    ...request,
    cores: topology.cores,
    llcs: topology.llcs,
    nodes: topology.nodes.map((node) => node.cpus),
    packages: topology.packages,
    kinds: topology.coreKinds,
  });

test('no set of CPUs costs less than the one chosen, on any small host', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { topology, request } = one;
      const { count, free, held = Cpuset.EMPTY } = request;
      const chosen = chooseExclusive(topology, request);
      if (free.size + held.size < count) {
        assert.equal(chosen, undefined);
        return;
      }
      assert.ok(chosen);
      assert.equal(chosen.size, count);
      assert.ok(held.isSubsetOf(chosen) && chosen.isSubsetOf(free.union(held)));
      assert.deepEqual(
        exclusiveCost(topology, request, chosen),
        leastCost(one),
        `${chosen} for ${describe(one)}`,
      );
    }),
    { numRuns: 2000 },
  );
});

test('CPUs held before are as good as ever exactly when no set of CPUs is better up to the core of CPU 0', () => {
  fc.assert(
    fc.property(anyCase, fc.nat(), (one, pick) => {
      const { topology, request } = one;
      const answers = everyAnswer(one);
      if (answers.length === 0) return;
      const previous = answers[pick % answers.length]!;
      // Preferred CPUs, four criteria of whole cores, three of nodes, LLCs, CPU 0.
      const decisive = (cost: readonly number[]) => cost.slice(0, 10);
      assert.equal(
        stillAsGood(topology, request, previous),
        compareCosts(decisive(exclusiveCost(topology, request, previous)), leastCost(one)) <= 0,
        `${previous} for ${describe(one)}`,
      );
    }),
    { numRuns: 500 },
  );
});
