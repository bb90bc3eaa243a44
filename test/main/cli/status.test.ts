import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerView, StateView } from '../../../src/main/admin/api.ts';
import { readState } from '../../../src/main/cli/live.ts';
import { painter } from '../../../src/main/cli/paint.ts';
import { statusReport } from '../../../src/main/cli/status.ts';
import { liveState } from './live-state.ts';

const plain = painter(false);
const status = (state: StateView) => statusReport(readState(state), 200, plain);

const INTEGER: Partial<ContainerView> & { readonly container: string } = {
  container: 'main',
  pod: 'job',
  kind: 'integer',
  cpus: '1,5',
  runsOn: '1,5',
  askedCount: 2,
};

test('what is not as wanted is listed, each with what is the matter', () => {
  const text = status(
    liveState({
      containers: [
        { ...INTEGER, seen: '0-7' },
        { ...INTEGER, pod: 'moving', cpus: '2,6', runsOn: '3,7' },
        { ...INTEGER, pod: 'poor', cpus: '', unplaced: '0 are free' },
        { container: 'main', pod: 'web', kind: 'shared', cpus: '', runsOn: '0-1' },
        { container: 'main', pod: 'pinned', kind: 'annotated', cpus: '9', runsOn: '9' },
        { container: 'main', pod: 'io', kind: 'annotated', cpus: '5', runsOn: '5', seen: '5', mems: '1' },
      ],
      pool: '0,3-4,7',
      health: { live: true, ready: false, missing: ['not registered with the runtime'] },
    }),
  );
  assert.match(text, /^As wanted +no$/m);
  assert.match(text, /- not registered with the runtime$/m);
  assert.match(text, /- default\/job\/main was found on CPUs 0-7, not on 1,5$/m);
  assert.match(text, /- default\/io\/main was found on other memory nodes than 1$/m);
  assert.match(text, /- default\/moving\/main owns CPUs 2,6 and was told 3,7$/m);
  assert.match(text, /- default\/poor\/main runs in the pool: 0 are free$/m);
  assert.match(text, /- default\/web\/main was told CPUs 0-1, some of which are not in its pool any more$/m);
  assert.match(text, /- default\/pinned\/main is pinned to CPUs 9, which are offline$/m);
});

test('settings that are refused are told', () => {
  const text = status(liveState({ refusedSettings: ['config file /etc/x: unknown setting "y"'] }));
  assert.match(text, /^As wanted +no$/m);
  assert.match(text, /- config file \/etc\/x: unknown setting "y"; the settings before it stay in force$/m);
});

test('a pool that may be used more is no fault', () => {
  const text = status(
    liveState({ containers: [{ container: 'main', pod: 'web', kind: 'shared', cpus: '', runsOn: '0-1' }] }),
  );
  assert.match(text, /^As wanted +yes$/m);
  assert.match(text, /1 container may soon use more of the pool/);
});

test('time-outs that are too short are warned of: for many containers, and for what events took', () => {
  const runtime = { name: 'containerd', version: 'v2.1.9', requestTimeoutMs: 2000, connected: true };
  const containers = Array.from({ length: 300 }, (_, row) => ({
    container: 'main',
    pod: `web-${row}`,
    kind: 'shared' as const,
    cpus: '',
  }));
  assert.match(status(liveState({ containers, runtime })), /2000 ms is short for 300 containers: 3000 ms/);
  const event = { event: 'create', outcome: 'answered', count: 1, p50Us: 9, p99Us: 9, maxUs: 1_400_000 };
  assert.match(status(liveState({ runtime, events: [event] })), /took 1400 ms of the 2000 ms/);
  assert.match(status(liveState({ runtime })), /^As wanted +yes$/m);
});

test('a plugin that no runtime knows yet, and one that only pretends, say so', () => {
  assert.match(status(liveState({})), /^Runtime +none has connected yet$/m);
  const { plugin } = liveState({});
  assert.match(status(liveState({ plugin: { ...plugin, dryRun: true } })), /dry run: /);
});
