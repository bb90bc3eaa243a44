import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Journal } from '../../src/main/journal.ts';

/** A journal that has seen the given events. */
function journalOf(capacity: number, ...events: string[]): Journal {
  const journal = new Journal(capacity);
  for (const event of events) journal.append({ time: 0, operation: 'op', outcome: 'done', event });
  return journal;
}

function events(journal: Journal, sequence = 0): string {
  return journal
    .since(sequence)
    .map((record) => `${record.sequence} ${record.event}`)
    .join(', ');
}

describe('the journal', () => {
  test('is empty at first', () => {
    assert.equal(events(journalOf(3)), '');
  });

  test('numbers its records from 1 on and returns them numbered', () => {
    const record = journalOf(3, 'a').append({ time: 7, operation: 'x-2', outcome: 'refused', event: 'b' });
    assert.deepEqual(record, { sequence: 2, time: 7, operation: 'x-2', outcome: 'refused', event: 'b' });
  });

  test('tells its records oldest first', () => {
    assert.equal(events(journalOf(5, 'a', 'b', 'c')), '1 a, 2 b, 3 c');
  });

  test('drops the oldest record when it is full', () => {
    assert.equal(events(journalOf(3, 'a', 'b', 'c', 'd', 'e')), '3 c, 4 d, 5 e');
  });

  test('tells what came after a record that somebody has seen', () => {
    const journal = journalOf(3, 'a', 'b', 'c', 'd', 'e');
    assert.equal(events(journal, 4), '5 e');
    assert.equal(events(journal, 5), '');
    assert.equal(events(journal, 1), '3 c, 4 d, 5 e');
  });
});
