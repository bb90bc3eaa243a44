import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CpuListError, MAX_LIST_LENGTH, parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';

const HOST = { max: 127 };

/** Calls `parse`, which must refuse; gives the reason. */
function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof CpuListError, `${error}`);
    return error.message;
  }
  assert.fail('was accepted');
}

describe('a CPU list', () => {
  for (const [text, list] of [
    ['0', '0'],
    ['0,2-3,8', '0,2-3,8'],
    ['8,2-3', '2-3,8'],
    ['5-5', '5'],
    ['1,1,0-2,2', '0-2'],
    [' 1 , 2\t,\t4 - 6 ', '1-2,4-6'],
    ['007', '7'],
    ['127', '127'],
  ] as const) {
    it(`${JSON.stringify(text)} is ${list}`, () => assert.equal(`${parseCpuList(text, HOST)}`, list));
  }

  for (const [text, item] of [
    ['a', 'a'],
    ['1,b,3', 'b'],
    ['0-', '0-'],
    ['-1', '-1'],
    ['1--2', '1--2'],
    ['1-2-3', '1-2-3'],
    ['3-2', '3-2'],
    ['0,,2', ''],
    ['1,', ''],
    ['1.5', '1.5'],
    ['0x1', '0x1'],
    ['1e1', '1e1'],
    ['1 2', '1 2'],
    ['1;2', '1;2'],
    ['0-7/2', '0-7/2'],
    ['١', '١'],
    ['1\n2', '1\n2'],
    ['128', '128'],
    ['0,120-128', '120-128'],
    ['0-4294967295', '0-4294967295'],
    ['99999999999999999999999', '99999999999999999999999'],
  ] as const) {
    it(`${JSON.stringify(text)} is refused, and the refusal names ${JSON.stringify(item)}`, () => {
      const message = refusal(() => parseCpuList(text, HOST));
      assert.ok(message.includes(JSON.stringify(item)), message);
      assert.ok(message.includes(JSON.stringify(text)), message);
    });
  }

  it('that is empty is refused, unless that is allowed', () => {
    for (const text of ['', ' ', '\t \n']) {
      assert.match(
        refusal(() => parseCpuList(text, HOST)),
        /empty/,
      );
      assert.equal(parseCpuList(text, { ...HOST, allowEmpty: true }).size, 0);
    }
  });

  it('of one empty item is refused also where an empty list is allowed', () => {
    refusal(() => parseCpuList(',', { ...HOST, allowEmpty: true }));
  });

  it('may name CPUs above the highest where those are ignored', () => {
    const options = { ...HOST, ignoreAboveMax: true };
    assert.equal(`${parseCpuList('3,126-200,500', options)}`, '3,126-127');
    assert.equal(`${parseCpuList('0-4294967295', options)}`, '0-127');
    assert.equal(parseCpuList('128,4000000000-4294967295', options).size, 0);
    refusal(() => parseCpuList('200-130', options));
  });

  it('may be 64 KiB long and no longer, and a refusal quotes the beginning only', () => {
    const longest = `${'1,'.repeat(MAX_LIST_LENGTH / 2 - 1)}22`;
    assert.equal(longest.length, 64 * 1024);
    assert.equal(`${parseCpuList(longest, HOST)}`, '1,22');
    const message = refusal(() => parseCpuList(`${longest}2`, HOST));
    assert.match(message, /65537.*65536/);
    assert.ok(message.length < 300, `${message.length}`);
  });

  it('quotes a long item shortened', () => {
    const message = refusal(() => parseCpuList('x'.repeat(60_000), HOST));
    assert.ok(message.length < 400, `${message.length}`);
  });

  it('is read back from the text of any set', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(127), { minLength: 1 }), (ids) => {
        const set = Cpuset.from(ids);
        assert.ok(parseCpuList(`${set}`, HOST).equals(set));
      }),
    );
  });

  it('is read or refused, whatever it says', () => {
    const piece = fc.constantFrom('0', '7', '12', '128', '4294967295', '-', ',', ' ', '\t', 'x', '\n');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, ignoreAboveMax) => {
        try {
          const set = parseCpuList(pieces.join(''), { ...HOST, allowEmpty: true, ignoreAboveMax });
          assert.ok(set.last <= HOST.max);
        } catch (error) {
          assert.ok(error instanceof CpuListError, `${error}`);
        }
      }),
      { numRuns: 500 },
    );
  });
});
