import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Entry } from '../../../src/main/ledger/entry.ts';
import { violations } from '../../../src/main/ledger/invariants.ts';
import { annotated, cpuset, integer, type Node, nodeOf, shared } from './fixtures.ts';

/** A node with one container of each kind: `io` on 6-7, `db` on 1-2, `web` in the pool. */
function healthy(): Node {
  const node = nodeOf('8 cpus');
  node.create(annotated('io', '6-7'), integer('db', 2, { forbid: '0' }), shared('web'));
  return node;
}

/** What is wrong with a ledger in which one entry is not as it should be. */
function violationsWith(id: string, change: (entry: Entry) => Partial<Entry>, pool?: string): string {
  const { ledger } = healthy();
  const entries = new Map(ledger.entries);
  const entry = entries.get(id)!;
  entries.set(id, { ...entry, ...change(entry) });
  const view = { policy: ledger.policy, entries, pool: pool === undefined ? ledger.pool : cpuset(pool) };
  return violations(view).join('\n');
}

/** An entry on other CPUs, and told so. */
const onCpus = (list: string) => (entry: Entry) => ({
  cpus: cpuset(list),
  told: { ...entry.told, cpus: cpuset(list) },
});
const told = (list: string) => (entry: Entry) => ({ told: { ...entry.told, cpus: cpuset(list) } });

describe('the invariants', () => {
  test('hold for what the ledger makes', () => {
    assert.equal(
      violationsWith('db', () => ({})),
      '',
    );
  });

  test('I1: no CPU has two exclusive owners', () => {
    const { ledger } = healthy();
    const db = ledger.entries.get('db')!;
    const entries = new Map(ledger.entries).set('twin', {
      ...db,
      container: { ...db.container, id: 'twin' },
    });
    const found = violations({ policy: ledger.policy, entries, pool: ledger.pool });
    assert.match(found.join('\n'), /^I1: .*1-2/m);
  });

  test('I2: integer and annotated containers never overlap', () => {
    assert.match(violationsWith('db', onCpus('5-6')), /^I2: CPUs 6 /m);
  });

  test('I3: the pool is what nobody owns', () => {
    assert.match(
      violationsWith('db', () => ({}), '0-5'),
      /^I3: the pool is 0-5, not 0,3-5/m,
    );
  });

  test('I3: a shared container owns nothing and is on no reserved CPU', () => {
    assert.match(violationsWith('web', told('0-5')), /^I3: default\/web\/main runs on 0-5/m);
    assert.match(
      violationsWith('web', (entry) => ({ told: { ...entry.told, cpus: undefined } })),
      /^I3: .*0-7/m,
    );
    assert.match(violationsWith('web', onCpus('4')), /^I3: shared default\/web\/main owns CPUs 4/m);
  });

  test('I3: a shared container is never without CPUs', () => {
    assert.match(violationsWith('web', told('9')), /^I3: default\/web\/main has no CPU/m);
  });

  test('I4: an integer container has as many CPUs as it asks for, none forbidden', () => {
    assert.match(violationsWith('db', onCpus('1-3')), /^I4: .*not 2 CPUs/m);
    assert.match(violationsWith('db', onCpus('0-1')), /^I4: .*forbidden/m);
  });

  test('I5: an annotated container has its list', () => {
    assert.match(violationsWith('io', onCpus('7')), /^I5: default\/io\/main has 7, not 6-7/m);
  });

  test('an owner of CPUs has been told them', () => {
    assert.match(violationsWith('db', told('3-4')), /default\/db\/main has 1-2, was told 3-4/);
  });
});
