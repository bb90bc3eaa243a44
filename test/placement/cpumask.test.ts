import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCpuMask } from '../../src/placement/cpumask.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';

describe('a CPU mask', () => {
  for (const [text, list] of [
    ['0', ''],
    ['1', '0'],
    ['00000000', ''],
    ['fff', '0-11'],
    ['FF00', '8-15'],
    ['80000000', '31'],
    ['00000001,00000000', '32'],
    ['8000,00000000,00000080,00000000,00000000', '71,143'],
  ] as const) {
    it(`${text} is ${list === '' ? 'no CPU' : list}`, () => assert.equal(`${parseCpuMask(text)}`, list));
  }

  for (const text of [
    '',
    ' 1',
    '0x1',
    'g',
    '1,',
    ',1',
    '1,1',
    '1,0000000g',
    '123456789',
    '-1',
    '0-3',
    '1\n',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parseCpuMask(text), undefined));
  }

  it('longer than 64 KiB is none', () => {
    const words = Array.from({ length: 8000 }, () => 'ffffffff').join(',');
    assert.equal(parseCpuMask(words), undefined);
  });

  it('names every CPU whose bit is set', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300)), (ids) => {
        const mask = ids.reduce((bits, id) => bits | (1n << BigInt(id)), 0n).toString(16);
        const digits = mask.padStart(Math.ceil(mask.length / 8) * 8, '0');
        assert.equal(`${parseCpuMask(digits.match(/.{8}/g)!.join(','))}`, `${Cpuset.from(ids)}`);
      }),
    );
  });
});
