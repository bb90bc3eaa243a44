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
import { type HostCore, hostOf, regularHost } from './hosts.ts';

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

/** Hosts on which all cores and domains are alike. */
const anyRegularHost = fc
  .record({
    packages: fc.constantFrom(1, 2),
    nodesPerPackage: fc.constantFrom(1, 2),
    llcsPerNode: fc.constantFrom(1, 2),
    coresPerLlc: fc.constantFrom(1, 2, 3),
    threads: fc.constantFrom(1, 2, 2, 2),
    siblings: fc.constantFrom('apart' as const, 'adjacent' as const),
  })
  .map(regularHost)
  .filter(({ online }) => online.size <= MOST_CPUS);

const FREE = ['free', 'free', 'free', 'free'];

const anyWish = (owners: readonly string[]) =>
  fc.record({
    owners: fc.array(fc.constantFrom(...owners), { minLength: MOST_CPUS, maxLength: MOST_CPUS }),
    preferred: fc.option(fc.uniqueArray(fc.nat({ max: 15 })), { nil: undefined, freq: 3 }),
    joining: fc.option(fc.uniqueArray(fc.nat({ max: 15 })), { nil: undefined, freq: 2 }),
    count: fc.integer({ min: 1, max: MOST_CPUS }),
    priority: fc.constantFrom('siblings' as const, 'numa' as const),
  });

const anyCase = casesOn(
  anyCores.map(hostOf),
  anyWish([...FREE, ...FREE, 'taken', 'samePod', 'held', 'withheld']),
);

/** As most are: nothing is preferred, little is held, and there are good CPUs in several places. */
const ordinaryCase = casesOn(
  anyRegularHost,
  anyWish([...FREE, ...FREE, ...FREE, 'taken', 'taken', 'taken', 'taken', 'samePod', 'samePod', 'held']).map(
    (wish) => ({ ...wish, preferred: undefined }),
  ),
);

type Wish = ReturnType<typeof anyWish> extends fc.Arbitrary<infer T> ? T : never;

function casesOn(anyHost: fc.Arbitrary<Topology>, anyWish: fc.Arbitrary<Wish>): fc.Arbitrary<Case> {
  return fc.tuple(anyHost, anyWish).map(([topology, { owners, preferred, joining, count, priority }]) => {
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
}

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

function assertBest(one: Case): void {
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
}

test('no set of CPUs costs less than the one chosen, on any small host', () => {
  fc.assert(fc.property(anyCase, assertBest), { numRuns: 2000 });
});

test('no set of CPUs costs less than the one chosen, in ordinary cases', () => {
  fc.assert(fc.property(ordinaryCase, assertBest), { numRuns: 2000 });
});

/** Preferred CPUs, four criteria of whole cores, three of nodes, LLCs, CPU 0. */
const decisive = (cost: readonly number[]): readonly number[] => cost.slice(0, 10);

test('CPUs to choose from first are used exactly where no others are better up to the core of CPU 0', () => {
  const anyPart = fc.uniqueArray(fc.nat({ max: MOST_CPUS - 1 })).map((ids) => Cpuset.from(ids));
  fc.assert(
    fc.property(fc.oneof(anyCase, ordinaryCase), anyPart, anyPart, (one, some, more) => {
      const { topology, request } = one;
      const held = request.held ?? Cpuset.EMPTY;
      const first = [some, some.union(more)].map((cpus) => cpus.intersect(request.free));
      const chosen = chooseExclusive(topology, request, first);
      if (chosen === undefined) return;
      const answers = everyAnswer(one);
      const best = decisive(leastCost(one));
      const cost = (cpus: Cpuset) => decisive(exclusiveCost(topology, request, cpus));
      assert.deepEqual(cost(chosen), best);
      const expected = first.find((part) =>
        answers.some((cpus) => cpus.minus(held).isSubsetOf(part) && compareCosts(cost(cpus), best) === 0),
      );
      if (expected !== undefined)
        assert.ok(chosen.minus(held).isSubsetOf(expected), `${chosen} from ${expected} for ${describe(one)}`);
    }),
    { numRuns: 1000 },
  );
});

test('CPUs held before are as good as ever exactly when no set of CPUs is better up to the core of CPU 0', () => {
  fc.assert(
    fc.property(anyCase, fc.nat(), (one, pick) => {
      const { topology, request } = one;
      const answers = everyAnswer(one);
      if (answers.length === 0) return;
      const previous = answers[pick % answers.length]!;
      assert.equal(
        stillAsGood(topology, request, previous),
        compareCosts(decisive(exclusiveCost(topology, request, previous)), leastCost(one)) <= 0,
        `${previous} for ${describe(one)}`,
      );
    }),
    { numRuns: 500 },
  );
});
