import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_MODEL, type Message, recordsOf, reduce } from '../../../../src/main/admin/page/model.ts';
import { container, placed, stateWith } from '../../../page/states.ts';

const a = container('a', 'integer', '0-1');
const b = container('b', 'annotated', '2-3');
const after = (...messages: readonly Message[]) => messages.reduce(reduce, EMPTY_MODEL);

test('a record that comes twice is kept once', () => {
  const model = after(
    { type: 'records', records: [placed(1, a), placed(2, b)] },
    { type: 'records', records: [placed(2, b), placed(3, a)] },
  );
  assert.deepEqual(
    model.records.map(({ sequence }) => sequence),
    [1, 2, 3],
  );
});

test('the journal of another process replaces the old one', () => {
  const model = after(
    { type: 'records', records: [placed(7, a)] },
    { type: 'restarted' },
    { type: 'records', records: [placed(1, b)] },
  );
  assert.deepEqual(model.records, [placed(1, b)]);
});

test('a topology that has not changed stays the same object, so that nothing is laid out anew', () => {
  const first = after({ type: 'state', state: stateWith('8', [a]) });
  const second = reduce(first, { type: 'state', state: stateWith('8', [a, b]) });
  assert.equal(second.state?.topology, first.state?.topology);
  const other = reduce(second, { type: 'state', state: stateWith('16', [a, b]) });
  assert.notEqual(other.state?.topology, first.state?.topology);
});

test('the records of a container are those about it and those that moved it', () => {
  const move = { id: a.id, container: 'prod/a/main', from: '2-3', to: '0-1' };
  const records = [placed(1, a), placed(2, b), { ...placed(3, b), moves: [move] }];
  assert.deepEqual(
    recordsOf(records, a.id).map(({ sequence }) => sequence),
    [1, 3],
  );
});
