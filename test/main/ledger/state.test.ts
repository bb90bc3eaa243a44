import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Entry, forbiddenTo, isExclusive, UNTOLD } from '../../../src/main/ledger/entry.ts';
import { type Draft, LedgerState } from '../../../src/main/ledger/state.ts';
import { Cpuset } from '../../../src/placement/cpuset.ts';
import { cpuset, shared } from './fixtures.ts';

function entry(id: string, kind: 'annotated' | 'integer', list: string): Entry {
  const cpus = cpuset(list);
  const forbidden = cpuset('');
  return {
    ...shared(id),
    workload: kind === 'annotated' ? { kind, cpus } : { kind, count: cpus.size, atLeast: false, forbidden },
    reason: '',
    cpus,
    unplaced: undefined,
    told: UNTOLD,
    seen: undefined,
    epoch: 0,
  };
}

function stateOf(...entries: Entry[]): LedgerState {
  const state = new LedgerState(() => true);
  const draft = state.draft();
  for (const each of entries) draft.set(each);
  draft.commit();
  return state;
}

function ids(draft: Draft): string {
  return draft
    .filter(() => true)
    .map(({ container }) => container.id)
    .join(' ');
}

describe('a draft', () => {
  test('changes nothing before it is committed', () => {
    const state = stateOf(entry('a', 'integer', '1'));
    const draft = state.draft();
    draft.set(entry('b', 'annotated', '2'));
    draft.delete('a');
    assert.deepEqual([...state.entries.keys()], ['a']);
    assert.equal(state.integer.toString(), '1');
    assert.equal(state.annotated.toString(), '');
    assert.equal(state.epoch, 1);
    draft.commit();
    assert.deepEqual([...state.entries.keys()], ['b']);
    assert.equal(state.integer.toString(), '');
    assert.equal(state.annotated.toString(), '2');
    assert.equal(state.epoch, 2);
  });

  test('shows what the state will be', () => {
    const draft = stateOf(entry('a', 'integer', '1'), entry('b', 'integer', '2')).draft();
    draft.set(entry('c', 'annotated', '3-4'));
    draft.delete('b');
    draft.set(entry('a', 'integer', '5'));
    assert.equal(ids(draft), 'a c');
    assert.equal(draft.get('a')?.cpus.toString(), '5');
    assert.equal(draft.get('b'), undefined);
    assert.equal(draft.reserved.toString(), '3-5');
  });

  test('keeps a CPU reserved while another annotated container has it', () => {
    const draft = stateOf(entry('a', 'annotated', '1-2'), entry('b', 'annotated', '2-3')).draft();
    draft.delete('a');
    assert.equal(draft.annotated.toString(), '2-3');
    draft.set(entry('c', 'annotated', '3-4'));
    draft.delete('b');
    assert.equal(draft.annotated.toString(), '3-4');
  });

  test('of containers that are deleted and set again keeps their places', () => {
    const draft = stateOf(entry('a', 'integer', '1'), entry('b', 'integer', '2')).draft();
    draft.delete('a');
    draft.set(entry('c', 'integer', '3'));
    draft.set(entry('a', 'integer', '1'));
    assert.equal(ids(draft), 'a b c');
  });

  test('may delete what is not there', () => {
    const draft = stateOf(entry('a', 'integer', '1')).draft();
    draft.delete('x');
    assert.equal(ids(draft), 'a');
    assert.equal(draft.reserved.toString(), '1');
  });
});

/** One of few containers, so that histories meet the same ones again, in any of the states that one can be in. */
const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    number: fc.nat({ max: 7 }),
    kind: fc.constantFrom('shared' as const, 'integer' as const, 'annotated' as const),
    cpu: fc.nat({ max: 3 }),
    forbidden: fc.constantFrom('', '5'),
    told: fc.constantFrom(undefined, '0-3', '4-7'),
    seen: fc.constantFrom(undefined, undefined, '6'),
    uid: fc.constantFrom('p', 'q', ''),
  })
  .map(({ number, kind, cpu, forbidden, told, seen, uid }) => ({
    ...entry(`c${number}`, kind === 'shared' ? 'integer' : kind, kind === 'shared' ? '' : `${cpu}`),
    ...shared(`c${number}`, { uid }),
    ...(kind === 'shared' && { workload: { kind, forbidden: cpuset(forbidden) } }),
    told: { ...UNTOLD, cpus: told === undefined ? undefined : cpuset(told) },
    seen: seen === undefined ? undefined : cpuset(seen),
  }));

const anyChange = fc.oneof(
  anyEntry,
  fc.nat({ max: 7 }).map((number) => `c${number}`),
);

test('a draft finds by its indexes what looking at all containers finds', () => {
  const inPlace = ({ seen, told, cpus }: Entry) => seen === undefined && told.cpus?.equals(cpus) === true;
  const idsOf = (entries: Iterable<Entry>) => Array.from(entries, ({ container }) => container.id).toSorted();
  fc.assert(
    fc.property(fc.array(fc.array(anyChange, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), (turns) => {
      const state = new LedgerState(inPlace);
      for (const changes of turns) {
        const draft = state.draft();
        for (const change of changes) {
          if (typeof change === 'string') draft.delete(change);
          else draft.set(change);
          const inPool: Entry[] = [];
          draft.forEachInPool(({ told, forbidden, seen, all }) => {
            const members = [...all()];
            assert.ok(members.length > 0);
            for (const member of members) {
              assert.equal(String(member.told.cpus), String(told));
              assert.equal(String(forbiddenTo(member.workload)), String(forbidden));
              assert.equal(String(member.seen), String(seen));
            }
            inPool.push(...members);
          });
          assert.deepEqual(idsOf(inPool), idsOf(draft.filter((one) => !isExclusive(one))));
          const annotated = draft.filter(({ workload }) => workload.kind === 'annotated');
          assert.equal(String(draft.annotated), String(Cpuset.union(annotated.map(({ cpus }) => cpus))));
          const unsettled: Entry[] = [];
          draft.forEachUnsettledOwner((one) => unsettled.push(one));
          const missed = draft.filter((one) => isExclusive(one) && !inPlace(one) && !unsettled.includes(one));
          assert.deepEqual(missed, []);
          for (const uid of ['p', 'q']) {
            assert.deepEqual(idsOf(draft.ofPod(uid)), idsOf(draft.filter(({ pod }) => pod.uid === uid)));
          }
        }
        draft.commit();
      }
    }),
  );
});
