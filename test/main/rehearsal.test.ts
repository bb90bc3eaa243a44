import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONFIG } from '../../src/main/config.ts';
import { createPolicy, type Policy } from '../../src/main/ledger/policy.ts';
import { rehearse } from '../../src/main/rehearsal.ts';
import { createTopology, type TopologyParts } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import { cpuset, integer, Node, nodeOf, policyOf, shared } from './ledger/fixtures.ts';

const HOST = '2 nodes, 2 llcs, 4 cores, SMT 2';

/** Rehearses so many events. */
function events(count: number): () => boolean {
  let asked = 0;
  return () => ++asked > count;
}

/** What the node gives to containers of all kinds, one after the other. */
function history(node: Node): readonly (string | undefined)[] {
  const given = [];
  for (const [position, size] of [1, 3, 2, 5, 1, 4].entries()) {
    node.create(shared(`shared-${position}`));
    node.create(integer(`integer-${position}`, size));
    given.push(node.cpus(`integer-${position}`));
    if (position % 3 === 2) node.stop(`integer-${position - 1}`);
  }
  return given;
}

test('a rehearsal leaves no trace: containers are placed as without it, before and after', async () => {
  const expected = history(nodeOf(HOST));
  const policy = policyOf(HOST);
  const before = new Node(policy);
  assert.deepEqual(history(before), expected);
  const { entries } = before.ledger;
  const known = [...entries.values()];
  await rehearse(policy, events(80));
  assert.deepEqual([...entries.values()], known);
  assert.deepEqual(history(new Node(policy)), expected);
});

const HOSTS: Readonly<Record<string, Policy>> = {
  'with one CPU': policyOf('1 core'),
  'on which nothing may be placed': policyOf(HOST, { reservedCpus: '0-31', pinningNamespaces: [] }),
  'with CPUs offline and isolated': offlineAndIsolated(),
};

function offlineAndIsolated(): Policy {
  const parts: TopologyParts = parseTopologySpec(HOST);
  const offline = cpuset('4-7');
  const online = parts.online.minus(offline);
  return createPolicy(
    createTopology({ ...parts, online, offline, isolated: cpuset('8-11') }),
    DEFAULT_CONFIG,
  );
}

for (const [what, policy] of Object.entries(HOSTS)) {
  test(`a host ${what} can be rehearsed on`, async () => {
    await rehearse(policy, events(60));
  });
}
