import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAtLeast, runtimeNriVersion } from '../../../src/main/nri/runtime-version.ts';

function nriOf(...runtime: Parameters<typeof runtimeNriVersion>): string | undefined {
  const version = runtimeNriVersion(...runtime);
  return version && `${version.major}.${version.minor}.${version.patch}`;
}

describe("a runtime's NRI version", () => {
  test('is what the runtime tells', () => {
    assert.equal(nriOf('containerd', 'v2.3.0', '0.12.1'), '0.12.1');
    assert.equal(nriOf('cri-o', '1.36.0', 'v0.12.0'), '0.12.0');
    assert.equal(nriOf('containerd', 'v2.1.0', 'v0.13.0-rc.1+dirty'), '0.13.0');
  });

  test('follows from the version of a containerd that does not tell it', () => {
    assert.equal(nriOf('containerd', 'v2.2.1', ''), '0.11.0');
    assert.equal(nriOf('containerd', '2.2.0-rc.0', ''), '0.10.0');
    assert.equal(nriOf('containerd', 'v2.1.4', ''), '0.8.0');
    assert.equal(nriOf('containerd', '2.0', ''), '0.8.0');
    assert.equal(nriOf('containerd', 'v1.7.24', ''), '0.6.0');
    assert.equal(nriOf('containerd', '1.7.5~ds1', ''), '0.3.0');
  });

  test('is not known otherwise', () => {
    assert.equal(nriOf('cri-o', '1.34.0', ''), undefined);
    assert.equal(nriOf('containerd', '1.6.30', ''), undefined);
    assert.equal(nriOf('containerd', 'devel', ''), undefined);
    assert.equal(nriOf('', '', ''), undefined);
    assert.equal(nriOf('cri-o', '1.34.0', '(devel)'), undefined);
  });
});

describe('a version is at least another one', () => {
  const version = { major: 0, minor: 12, patch: 1 };

  test('when the first number that differs is larger', () => {
    assert.equal(isAtLeast(version, 0, 12, 0), true);
    assert.equal(isAtLeast(version, 0, 11, 9), true);
    assert.equal(isAtLeast(version, 0, 12, 1), true);
    assert.equal(isAtLeast(version, 0, 12, 2), false);
    assert.equal(isAtLeast(version, 0, 13, 0), false);
    assert.equal(isAtLeast(version, 1, 0, 0), false);
    assert.equal(isAtLeast({ major: 1, minor: 0, patch: 0 }, 0, 12, 0), true);
  });

  test('never when it is not known', () => {
    assert.equal(isAtLeast(undefined, 0, 0, 0), false);
  });
});
