import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateView } from '../../../src/main/admin/api.ts';
import { loadConfig } from '../../../src/main/config.ts';
import { nameOf } from '../../../src/main/ledger/entry.ts';
import { liveNode } from '../../../src/main/simulate/live-node.ts';
import { SimulatedNode } from '../../../src/main/simulate/simulated-node.ts';
import { simulate } from '../../../src/main/simulate/simulation.ts';
import { liveState } from '../cli/live-state.ts';

async function seated(state: StateView): Promise<Readonly<Record<string, string>>> {
  const { topology, residents, settings } = liveNode(state);
  const config = loadConfig({ file: settings });
  const node = await SimulatedNode.start({ topology, config, residents, onDecision: () => {} });
  try {
    // Nothing to start: whatever the watch finds wrong would be our doing.
    await simulate(node, [], new Map(), () => {});
    return Object.fromEntries(
      [...node.ledger.entries.values()].map((entry) => [
        nameOf(entry),
        `${entry.workload.kind} ${entry.cpus}`,
      ]),
    );
  } finally {
    await node.close();
  }
}

test('a node whose plugin is not ready is not taken, for some of its containers may be missing', () => {
  const health = { live: true, ready: false, missing: ['not synchronized with the runtime'] };
  assert.throws(() => liveNode(liveState({ health })), {
    name: 'AdminError',
    message: /not ready, and may not know all containers of this node: not synchronized with the runtime$/,
  });
});

test('every container is what it is on the live node, where it is there', async () => {
  const containers = await seated(
    liveState({
      containers: [
        // Not where they would be put if they were new.
        {
          pod: 'job',
          podUid: 'a',
          container: 'x',
          kind: 'integer',
          cpus: '2,7',
          runsOn: '2,7',
          askedCount: 2,
        },
        { pod: 'job', podUid: 'a', container: 'y', kind: 'shared', runsOn: '0,4', forbidden: '' },
        {
          pod: 'pin',
          podUid: 'b',
          container: 'x',
          kind: 'annotated',
          cpus: '1,5',
          runsOn: '1,5',
          askedCpus: '1,5',
        },
        {
          pod: 'pin',
          podUid: 'b',
          container: 'y',
          kind: 'annotated',
          cpus: '5',
          runsOn: '5',
          askedCpus: '5',
        },
        { pod: 'web', podUid: 'c', container: 'x', kind: 'shared', runsOn: '4', forbidden: '0,3' },
      ],
      pool: '0,3-4,6',
    }),
  );
  assert.deepEqual(containers, {
    'default/job/x': 'integer 2,7',
    'default/job/y': 'shared ',
    'default/pin/x': 'annotated 1,5',
    'default/pin/y': 'annotated 5',
    'default/web/x': 'shared ',
  });
});

test('what is wrong on the live node does not end the simulation', async () => {
  const containers = await seated(
    liveState({
      containers: [
        { pod: 'a', podUid: 'a', kind: 'integer', cpus: '2,6', runsOn: '3,7', askedCount: 2 },
        { pod: 'b', podUid: 'b', kind: 'integer', cpus: '3,7', runsOn: '3,7', askedCount: 2 },
        { pod: 'c', podUid: 'c', kind: 'annotated', unplaced: 'no list', askedCpus: '', runsOn: '0-7' },
        { pod: 'd', podUid: 'd', kind: 'integer', unplaced: 'too few', askedCount: 64, runsOn: '0-7' },
        { pod: 'e', podUid: 'e', kind: 'shared' },
      ],
    }),
  );
  assert.equal(Object.keys(containers).length, 5);
});

test('the settings of the live node hold', () => {
  const settings = loadConfig({
    flags: [
      { key: 'minSharedCpus', value: '3', where: '' },
      { key: 'pinningNamespaces', value: 'a,b-*', where: '' },
      { key: 'poolGrowth', value: '5/s, burst 6', where: '' },
      { key: 'reassignment', value: 'workers=2', where: '' },
    ],
  });
  assert.deepEqual(loadConfig({ file: liveNode(liveState({ settings })).settings }), settings);
});
