import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerView } from '../../../src/main/admin/api.ts';
import { explain } from '../../../src/main/cli/explain.ts';
import { readState } from '../../../src/main/cli/live.ts';
import { painter } from '../../../src/main/cli/paint.ts';
import { liveState } from './live-state.ts';

const plain = painter(false);

const INTEGER: Partial<ContainerView> & { readonly container: string } = {
  container: 'main',
  pod: 'job',
  kind: 'integer',
  cpus: '1,5',
  runsOn: '1,5',
  askedCount: 2,
};

test('a name that several pods have is asked back', () => {
  const containers = [INTEGER, { ...INTEGER, namespace: 'other', cpus: '2,6', podUid: 'u2' }];
  const page = { width: 100, paint: plain };
  const of = (subject: string) => explain(readState(liveState({ containers })), [], subject, page);
  assert.equal(of('job').found, false);
  assert.match(
    of('job').text,
    /^job names several, say which:\n {2}default\/job\/main .*\n {2}other\/job\/main /,
  );
  assert.equal(of('other/job').found, true);
});

test('a choice is explained by what the other places would have cost', () => {
  const containers = [
    { ...INTEGER, cpus: '1,5', runsOn: '1,5' },
    { ...INTEGER, pod: 'other', podUid: 'u2', cpus: '2-3,6', runsOn: '2-3,6' },
  ];
  const page = { width: 200, paint: plain };
  const { text } = explain(readState(liveState({ containers })), [], 'job', page);
  // Node 1 has CPUs 2-3 and 6-7 (siblings 2,6 and 3,7): one CPU of it is free.
  assert.match(text, /Why there +nothing that is free now would be better/);
  assert.match(text, /node 1: only 1 of 2 CPUs are free for it$/m);
  assert.match(text, /Journal +has nothing of it/);
});
