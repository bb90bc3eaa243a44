import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerCgroup, podCgroup } from '../../src/main/runtime/kubelet.ts';
import { containerCgroup as cgroupOf } from '../../src/workers/cgroup-path.ts';

const path = (cgroupsPath: string, parent = '') => cgroupOf(cgroupsPath, parent)?.path;

describe('the cgroup of a container', () => {
  it('is where the cgroupfs driver says', () => {
    assert.equal(path('/kubepods/burstable/pod1/abc'), 'kubepods/burstable/pod1/abc');
    assert.equal(path('/kubepods/pod1/crio-abc'), 'kubepods/pod1/crio-abc');
    assert.equal(path('//kubepods/pod1//abc/'), 'kubepods/pod1/abc');
  });

  it('is in the slices that its slice’s name begins with', () => {
    assert.equal(
      path('kubepods-burstable-pod1_2.slice:cri-containerd:abc'),
      'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-abc.scope',
    );
    assert.equal(path('kubepods-pod1.slice:crio:abc'), 'kubepods.slice/kubepods-pod1.slice/crio-abc.scope');
  });

  it('is in the slices of a kubelet with a cgroup root of its own', () => {
    assert.equal(
      path('kubelet-kubepods-besteffort-pod1.slice:cri-containerd:abc'),
      'kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/' +
        'kubelet-kubepods-besteffort-pod1.slice/cri-containerd-abc.scope',
    );
  });

  it('may be a slice itself, and may be in the root slice', () => {
    assert.equal(path('a.slice:cri:b.slice'), 'a.slice/b.slice');
    assert.equal(path('-.slice:cri:abc'), 'cri-abc.scope');
  });

  it('is in the pod’s parent where it names no place itself, in either notation', () => {
    assert.equal(
      path(':crio:abc', 'kubepods-pod1.slice'),
      'kubepods.slice/kubepods-pod1.slice/crio-abc.scope',
    );
    assert.equal(
      path(':crio:abc', '/kubepods.slice/kubepods-pod1.slice'),
      'kubepods.slice/kubepods-pod1.slice/crio-abc.scope',
    );
    assert.equal(path(':crio:abc'), 'system.slice/crio-abc.scope');
    assert.equal(path('abc', '/kubepods/pod1'), 'kubepods/pod1/abc');
  });

  it('is below the pod’s for what a kubelet and containerd name', () => {
    for (const driver of ['systemd', 'cgroupfs'] as const) {
      for (const qos of ['guaranteed', 'burstable', 'besteffort'] as const) {
        const pod = podCgroup('1234-abcd', qos, driver);
        const container = path(containerCgroup(pod, 'abc', driver), pod);
        assert.ok(`/${container}`.startsWith(`${pod}/`), container);
      }
    }
  });

  it('tells whether systemd made it', () => {
    assert.equal(cgroupOf('kubepods-pod1.slice:crio:abc', '')?.isUnit, true);
    assert.equal(cgroupOf('/kubepods/pod1/abc', '')?.isUnit, false);
  });

  for (const [cgroupsPath, parent] of [
    ['', '/kubepods/pod1'],
    ['/', ''],
    ['abc', ''],
    ['/kubepods/../../../etc', ''],
    ['../abc', '/kubepods'],
    ['abc', '/kubepods/..'],
    ['/kubepods/./abc', ''],
    ['/kubepods/a\0b', ''],
    ['a.slice:../../x:abc', ''],
    ['a.slice:cri:../x', ''],
    ['a.slice:cri:x/../../y.slice', ''],
    ['../../etc:cri:abc', ''],
    ['a.slice:cri:', ''],
    [':cri:abc', '/../etc'],
  ] as const) {
    it(`is unknown for ${JSON.stringify(cgroupsPath)} in ${JSON.stringify(parent)}`, () => {
      assert.equal(cgroupOf(cgroupsPath, parent), undefined);
    });
  }
});
