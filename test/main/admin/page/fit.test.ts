import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, fitCell } from '../../../../src/main/admin/page/fit.ts';
import { layOut } from '../../../../src/main/admin/page/host.ts';
import { LARGE_HOST, SMALL_HOST, stateWith } from '../../../page/states.ts';

const hostOf = (topology: string) => layOut(stateWith(topology, []).topology);

test('cells are as large as the window allows', () => {
  const small = hostOf(SMALL_HOST);
  const large = hostOf(LARGE_HOST);
  assert.ok(fitCell(small, 1050, 600) > fitCell(large, 1050, 600));
  assert.ok(fitCell(large, 1600, 600) > fitCell(large, 1050, 600));
  assert.ok(fitCell(large, 1600, 900) > fitCell(large, 1600, 600));
});

test('cells are made somewhat smaller where that brings nodes side by side', () => {
  const host = hostOf('2 packages, 2 nodes, 2 LLCs, 8 cores, SMT 2');
  const tall = fitCell(host, 700, 600);
  assert.ok(fitCell(host, 1010, 600) < tall);
});

test('cells stay large enough to read, however small the window and large the host', () => {
  assert.equal(fitCell(hostOf(LARGE_HOST), 300, 500), 11);
  assert.equal(fitCell(hostOf('8 packages, 64 LLCs, 8 cores, SMT 2'), 1050, 600), 11);
});

test('an LLC has at most eight cores in a row, and sixteen when it has many', () => {
  assert.deepEqual([1, 6, 8, 16, 60].map(columnsOf), [1, 6, 8, 8, 16]);
});
