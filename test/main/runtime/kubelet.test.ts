import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  containerCgroup,
  oomScoreAdjustment,
  podCgroup,
  requestedResources,
} from '../../../src/main/runtime/kubelet.ts';

const GIB = 2 ** 30;

describe('resources from requests and limits', () => {
  test('limits are also the requests', () => {
    const spec = { name: 'job', cpus: { limit: 2.5 }, memory: { limit: GIB } };
    assert.deepEqual(requestedResources(spec, 'guaranteed'), {
      shares: 2560,
      quota: 250_000,
      period: 100_000,
      memoryLimit: GIB,
    });
  });

  test('shares follow the request, quota the limit', () => {
    const { shares, quota } = requestedResources(
      { name: 'web', cpus: { request: 0.25, limit: 1 } },
      'burstable',
    );
    assert.deepEqual([shares, quota], [256, 100_000]);
  });

  test('without any there is the smallest share, no quota and no memory limit', () => {
    assert.deepEqual(requestedResources({ name: 'batch' }, 'besteffort'), {
      shares: 2,
      quota: undefined,
      period: 100_000,
      memoryLimit: undefined,
    });
  });

  test('shares end at 256 CPUs, quota does not', () => {
    const { shares, quota } = requestedResources({ name: 'job', cpus: { limit: 300 } }, 'guaranteed');
    assert.deepEqual([shares, quota], [262_144, 30_000_000]);
  });
});

test('the OOM score tells guaranteed and best effort apart, and burstable by the memory requested', () => {
  assert.equal(oomScoreAdjustment({ name: 'a' }, 'guaranteed'), -997);
  assert.equal(oomScoreAdjustment({ name: 'a' }, 'besteffort'), 1000);
  assert.equal(oomScoreAdjustment({ name: 'a' }, 'burstable'), 999);
  assert.equal(oomScoreAdjustment({ name: 'a', memory: { request: 2000 * GIB } }, 'burstable'), 3);
});

describe('cgroups', () => {
  test('of the systemd driver are nested slices, with the uid in their notation', () => {
    const pod = podCgroup('12-34', 'besteffort', 'systemd');
    assert.equal(pod, '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod12_34.slice');
    assert.equal(
      containerCgroup(pod, 'abc', 'systemd'),
      'kubepods-besteffort-pod12_34.slice:cri-containerd:abc',
    );
  });

  test('of the cgroupfs driver are folders; guaranteed pods are right below the root', () => {
    assert.equal(podCgroup('12-34', 'guaranteed', 'cgroupfs'), '/kubepods/pod12-34');
    assert.equal(containerCgroup('/kubepods/pod12-34', 'abc', 'cgroupfs'), '/kubepods/pod12-34/abc');
  });
});
