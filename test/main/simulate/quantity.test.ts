import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuantity } from '../../../src/main/simulate/quantity.ts';

test('CPUs are read in thousandths', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['2', 2000],
    ['1.5', 1500],
    ['500m', 500],
    ['.5', 500],
    ['2.', 2000],
    ['0', 0],
    ['+1', 1000],
    ['1e1', 10_000],
    ['25E-1', 2500],
    ['1k', 1_000_000],
    ['100000000n', 100],
    ['250000u', 250],
  ];
  for (const [text, milli] of cases) assert.equal(parseQuantity(text, 1000), milli, text);
});

test('memory is read in bytes, with binary and decimal units', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['64Gi', 64 * 2 ** 30],
    ['1Ki', 1024],
    ['1.5Mi', 1.5 * 2 ** 20],
    ['1Ti', 2 ** 40],
    ['1G', 1e9],
    ['128e6', 128e6],
    ['1E', 1e18],
    ['12345', 12_345],
  ];
  for (const [text, bytes] of cases) assert.equal(parseQuantity(text, 1), bytes, text);
});

test('what is finer than a thousandth or a byte is rounded up, as in Kubernetes', () => {
  assert.equal(parseQuantity('1n', 1000), 1);
  assert.equal(parseQuantity('0.0001', 1000), 1);
  assert.equal(parseQuantity('1.0005', 1000), 1001);
  assert.equal(parseQuantity('100m', 1), 1);
});

test('what is no quantity is refused', () => {
  for (const text of [
    '',
    'x',
    '4cores',
    '1 Gi',
    '-1',
    '1ki',
    '1e',
    '1e5Ki',
    '1.2.3',
    '.',
    'Infinity',
    '0x10',
  ]) {
    assert.throws(
      () => parseQuantity(text, 1),
      { name: 'QuantityError', message: /is not a quantity/ },
      text,
    );
  }
});
