import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ContainerUpdate } from '../../src/main/ledger/ledger.ts';
import { Refusal } from '../../src/main/ledger/refusal.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { annotated, cpuset, integer, type Node, nodeOf, shared } from '../main/ledger/fixtures.ts';

const HOST = '2 packages, 2 nodes each, 8 cores each, SMT 2';
const SHARED = 12;

const event = fc.record({
  do: fc.constantFrom('integer', 'integer', 'annotated', 'stop', 'stop', 'stop'),
  size: fc.integer({ min: 1, max: 8 }),
  which: fc.nat(1000),
  /** Milliseconds since the event before. */
  gap: fc.constantFrom(0, 1, 30, 400, 1500),
});
const storm = fc.record({
  events: fc.array(event, { minLength: 20, maxLength: 120 }),
  poolGrowth: fc.constantFrom({ rate: 20, burst: 40 }, { rate: 5, burst: 4 }, { rate: 1, burst: 100 }),
});

test('while containers come and go, those of the pool are told no more than has to be', () => {
  fc.assert(
    fc.property(storm, ({ events, poolGrowth }) => {
      const node = nodeOf(HOST, { poolGrowth });
      for (let i = 0; i < SHARED; i++) node.create(shared(`web-${i}`));
      let grown = 0;
      let eventAt = node.clock;
      const running: string[] = [];
      events.forEach(({ do: kind, size, which, gap }, i) => {
        node.clock += gap;
        const before = whereabouts(node);
        if (kind === 'stop' && running.length === 0) return;
        const isCalm = node.clock - eventAt >= 1000;
        eventAt = node.clock;
        if (kind === 'stop') {
          const [id] = running.splice(which % running.length, 1);
          const updates = poolUpdates(node, node.stop(id!));
          grown += updates.length;
          for (const { id: web, cpus } of updates)
            assert.ok(before.get(web)!.isSubsetOf(cpus!), `${web} only grows`);
          assert.ok(
            grown <= poolGrowth.burst + (poolGrowth.rate * node.clock) / 1000,
            `${grown} updates for growth in ${node.clock} ms`,
          );
          return;
        }
        const first = which % 60;
        const seen =
          kind === 'integer'
            ? integer(`c-${i}`, size)
            : annotated(`c-${i}`, `${first}-${first + (size % 4)}`);
        const updates = created(node, () => node.create(seen).updates);
        if (updates === undefined) return;
        running.push(`c-${i}`);
        const owned = Cpuset.union([...node.ledger.entries.values()].map(({ cpus }) => cpus));
        for (const { id, cpus } of poolUpdates(node, updates)) {
          const left = before.get(id)!.minus(owned);
          assert.ok(!left.equals(before.get(id)!), `${id} was on a CPU that has an owner now`);
          if (!isCalm && !left.isEmpty) assert.equal(`${cpus}`, `${left}`);
        }
      });

      // In the end nothing is forgotten.
      do node.clock += 600_000;
      while (node.ledger.reconcile().length > 0);
      for (const id of whereabouts(node).keys())
        assert.equal(`${node.entry(id).told.cpus}`, `${node.ledger.pool}`);
    }),
    { numRuns: 60 },
  );
});

/** The updates of an accepted creation; undefined if it is refused. */
function created(
  node: Node,
  create: () => readonly ContainerUpdate[],
): readonly ContainerUpdate[] | undefined {
  const epoch = node.ledger.epoch;
  try {
    return create();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    assert.equal(node.ledger.epoch, epoch, 'a refused creation changes nothing');
    return undefined;
  }
}

function poolUpdates(node: Node, updates: readonly ContainerUpdate[]): readonly ContainerUpdate[] {
  return updates.filter(({ id }) => node.entry(id).cpus.isEmpty);
}

/** Where the containers of the pool are. */
function whereabouts(node: Node): ReadonlyMap<string, Cpuset> {
  const ids = Array.from({ length: SHARED }, (_, i) => `web-${i}`);
  return new Map(ids.map((id) => [id, cpuset(node.cpus(id)!)]));
}
