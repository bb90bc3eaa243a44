import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewer } from '../../src/main/lease/version-order.ts';

const ASCENDING = [
  'none',
  '0.0.0-development',
  '0.1.0',
  '0.9.0',
  '0.10.0-1',
  '0.10.0-2',
  '0.10.0-10',
  '0.10.0-alpha',
  '0.10.0-alpha.1',
  '0.10.0-alpha.beta',
  '0.10.0-rc.1',
  '0.10.0',
  '1.0.0',
  '1.0.1',
  '10.0.0',
];

test('Versions are ordered as Semantic Versioning does', () => {
  for (const [position, version] of ASCENDING.entries()) {
    for (const [other, than] of ASCENDING.entries()) {
      assert.equal(isNewer(version, than), position > other, `${version} is newer than ${than}`);
    }
  }
});

test('A version is not newer than itself, nor than another build of it', () => {
  assert.equal(isNewer('1.2.3+b2', '1.2.3+b1'), false);
});
