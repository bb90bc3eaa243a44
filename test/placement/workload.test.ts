import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CpuListError } from '../../src/placement/cpulist.ts';
import {
  type Classification,
  type ClassifySettings,
  type ContainerFacts,
  classify,
  type PodFacts,
} from '../../src/placement/workload.ts';

const SETTINGS: ClassifySettings = { annotationDomain: 'weka.io', maxCpuId: 1023, liftCpuQuota: false };
const MAX_SHARES = 262144;

interface Given extends Partial<Omit<ContainerFacts, 'resources'>> {
  readonly resources?: ContainerFacts['resources'];
  readonly annotations?: PodFacts['annotations'];
  readonly cgroupParent?: string;
}

/** Classifies a container named `main`: without anything else said, one of a guaranteed pod with two whole CPUs. */
function classified(given: Given = {}, settings: Partial<ClassifySettings> = {}): Classification {
  const { annotations = {}, cgroupParent = '/kubepods/pod1', ...container } = given;
  return classify(
    { id: 'p1', uid: '1', name: 'pod', namespace: 'default', annotations, cgroupParent },
    { id: 'c1', name: 'main', createdAt: 0, resources: wholeCpus(2), ...container },
    { ...SETTINGS, ...settings },
  );
}

/** The kind of a container, for an integer one with its number of CPUs, for an annotated one with its list. */
function kind(given: Given = {}, settings: Partial<ClassifySettings> = {}): string {
  const { workload } = classified(given, settings);
  switch (workload.kind) {
    case 'annotated':
      return `annotated ${workload.cpus}`;
    case 'integer':
      return `integer ${workload.atLeast ? 'at least ' : ''}${workload.count}`;
    case 'shared':
      return 'shared';
  }
}

function wholeCpus(count: number): ContainerFacts['resources'] {
  const shares = Math.min(1024 * count, MAX_SHARES);
  return { quota: count * 100_000, period: 100_000, shares, memoryLimit: 1 << 30 };
}

function forbidden(annotation: string): string {
  const { workload } = classified({ annotations: { 'weka.io/forbid-core-ids': annotation } });
  assert.equal(workload.kind, 'integer');
  return workload.forbidden.toString();
}

describe('an integer container', () => {
  test('has a CPU limit of a whole number, the same request and a memory limit', () => {
    assert.equal(kind(), 'integer 2');
    assert.equal(kind({ resources: { ...wholeCpus(3), period: 50_000, quota: 150_000 } }), 'integer 3');
  });

  test('says in its reason how many CPUs it is for', () => {
    assert.match(classified().reason, /2 whole CPUs/);
    assert.match(classified({ resources: wholeCpus(1) }).reason, /1 whole CPU$/);
  });

  test('needs a quota that is a multiple of the period', () => {
    assert.equal(kind({ resources: { ...wholeCpus(2), quota: 150_000 } }), 'shared');
    assert.equal(kind({ resources: { ...wholeCpus(2), quota: 200_001 } }), 'shared');
  });

  test('needs to know the period', () => {
    assert.equal(kind({ resources: { ...wholeCpus(2), period: undefined } }), 'shared');
    assert.equal(kind({ resources: { ...wholeCpus(2), period: 0 } }), 'shared');
  });

  test('needs as many CPU shares as its limit', () => {
    assert.equal(kind({ resources: { ...wholeCpus(2), shares: 1024 } }), 'shared');
    assert.equal(kind({ resources: { ...wholeCpus(2), shares: 2049 } }), 'shared');
    assert.equal(kind({ resources: { ...wholeCpus(2), shares: undefined } }), 'shared');
  });

  test('may have any number of CPUs from 256 on with the most shares there are', () => {
    assert.equal(kind({ resources: wholeCpus(256) }), 'integer 256');
    assert.equal(kind({ resources: wholeCpus(300) }), 'integer 300');
    assert.equal(kind({ resources: { ...wholeCpus(255), shares: MAX_SHARES } }), 'shared');
  });

  test('needs a memory limit', () => {
    assert.equal(kind({ resources: { ...wholeCpus(2), memoryLimit: undefined } }), 'shared');
    assert.equal(kind({ resources: { ...wholeCpus(2), memoryLimit: 0 } }), 'shared');
  });

  test('is shared with a fraction of a CPU, although its pod is guaranteed', () => {
    const half = { quota: 50_000, period: 100_000, shares: 512, memoryLimit: 1 << 30 };
    assert.equal(kind({ resources: half }), 'shared');
  });
});

describe("a pod's QoS class", () => {
  const guaranteed = [
    '/kubepods/pod8f2b',
    '/kubepods.slice/kubepods-pod8f2b.slice',
    'kubepods-pod8f2b.slice',
    '/kubelet/kubepods/pod8f2b',
    '/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod8f2b.slice',
  ];
  for (const cgroupParent of guaranteed) {
    test(`is guaranteed in ${cgroupParent}`, () => {
      assert.equal(kind({ cgroupParent }), 'integer 2');
    });
  }

  const others = [
    '/kubepods/burstable/pod8f2b',
    '/kubepods/besteffort/pod8f2b',
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8f2b.slice',
    'kubepods-besteffort-pod8f2b.slice',
    '/kubelet/kubepods/burstable/pod8f2b',
    'kubelet-kubepods-besteffort-pod8f2b.slice',
  ];
  for (const cgroupParent of others) {
    test(`is not guaranteed in ${cgroupParent}, whatever else is said`, () => {
      assert.equal(kind({ cgroupParent, oomScoreAdj: -997 }), 'shared');
    });
  }

  test('is told by the words below the kubelet root only', () => {
    assert.equal(kind({ cgroupParent: '/burstable/kubepods/pod8f2b' }), 'integer 2');
  });

  test('follows from oom_score_adj where the cgroup parent does not tell', () => {
    for (const cgroupParent of ['', '/machine.slice']) {
      assert.equal(kind({ cgroupParent, oomScoreAdj: 2 }), 'shared');
      assert.equal(kind({ cgroupParent, oomScoreAdj: 1000 }), 'shared');
    }
  });

  test('does not follow from oom_score_adj where the cgroup parent tells', () => {
    assert.equal(kind({ oomScoreAdj: 1000 }), 'integer 2');
  });

  test('is left open by the oom_score_adj of node-critical pods: the other criteria decide', () => {
    assert.equal(kind({ cgroupParent: '', oomScoreAdj: -997 }), 'integer 2');
    assert.equal(kind({ cgroupParent: '', oomScoreAdj: -997, resources: { shares: 2048 } }), 'shared');
  });

  test('is left open where nothing tells: the other criteria decide', () => {
    assert.equal(kind({ cgroupParent: '' }), 'integer 2');
    assert.equal(kind({ cgroupParent: '/machine.slice', oomScoreAdj: 0 }), 'integer 2');
  });
});

describe('on a node with CFS quota turned off', () => {
  const withoutQuota = (shares: number) => ({ shares, period: 100_000, memoryLimit: 1 << 30 });

  test('a container of a guaranteed pod is integer by its shares', () => {
    assert.equal(kind({ resources: withoutQuota(4096) }), 'integer 4');
    assert.equal(kind({ resources: { ...withoutQuota(4096), quota: 0 } }), 'integer 4');
    assert.equal(kind({ resources: { ...withoutQuota(4096), quota: -1 } }), 'integer 4');
  });

  test('the most shares there are mean at least 256 CPUs', () => {
    assert.equal(kind({ resources: withoutQuota(MAX_SHARES) }), 'integer at least 256');
  });

  test('a fraction of a CPU is shared', () => {
    assert.equal(kind({ resources: withoutQuota(1536) }), 'shared');
    assert.equal(kind({ resources: withoutQuota(2) }), 'shared');
    assert.equal(kind({ resources: withoutQuota(0) }), 'shared');
  });

  test('a container without memory limit is shared', () => {
    assert.equal(kind({ resources: { shares: 4096 } }), 'shared');
  });

  test('a pod that is not known to be guaranteed is shared', () => {
    assert.equal(kind({ resources: withoutQuota(4096), cgroupParent: '' }), 'shared');
    assert.equal(kind({ resources: withoutQuota(4096), cgroupParent: '/kubepods/burstable/pod1' }), 'shared');
  });

  test('a quota that was lifted here says nothing against an integer container', () => {
    const lifted = { cgroupParent: '', resources: { ...withoutQuota(4096), quota: -1 } };
    assert.equal(kind(lifted, { liftCpuQuota: true }), 'integer 4');
    assert.equal(kind(lifted), 'shared');
  });
});

describe('opting out of exclusive CPUs', () => {
  test('works for a pod and for one of its containers', () => {
    assert.equal(kind({ annotations: { 'weka.io/exclusive': 'false' } }), 'shared');
    assert.equal(kind({ annotations: { 'weka.io/exclusive.main': 'false' } }), 'shared');
    assert.equal(kind({ annotations: { 'weka.io/exclusive.sidecar': 'false' } }), 'integer 2');
  });

  test('of a whole pod leaves out a container that says otherwise', () => {
    const annotations = { 'weka.io/exclusive': 'false', 'weka.io/exclusive.main': 'true' };
    assert.equal(kind({ annotations }), 'integer 2');
  });

  test('keeps the forbidden CPUs', () => {
    const annotations = { 'weka.io/exclusive': 'false', 'weka.io/forbid-core-ids': '0-3' };
    const { workload } = classified({ annotations });
    assert.deepEqual(
      { kind: workload.kind, forbidden: String('forbidden' in workload && workload.forbidden) },
      {
        kind: 'shared',
        forbidden: '0-3',
      },
    );
  });

  test('with any other word is ignored and warned about', () => {
    const { workload, warnings } = classified({ annotations: { 'weka.io/exclusive': 'no' } });
    assert.equal(workload.kind, 'integer');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /weka\.io\/exclusive.*"no"/);
  });

  test('does not unpin an annotated container', () => {
    const annotations = { 'weka.io/exclusive': 'false', 'weka.io/cores-ids': '4' };
    assert.equal(kind({ annotations }), 'annotated 4');
  });
});

describe('an annotated container', () => {
  test('gets the listed CPUs, whatever its resources and QoS class are', () => {
    const annotations = { 'weka.io/cores-ids': '0,2-3,8' };
    assert.equal(kind({ annotations }), 'annotated 0,2-3,8');
    assert.equal(kind({ annotations, resources: {} }), 'annotated 0,2-3,8');
    assert.equal(kind({ annotations, cgroupParent: '/kubepods/besteffort/pod1' }), 'annotated 0,2-3,8');
  });

  test('may be given a list in any order, with blanks and duplicates', () => {
    assert.equal(kind({ annotations: { 'weka.io/cores-ids': ' 8 , 2-3,0,\t2 - 2,8' } }), 'annotated 0,2-3,8');
  });

  test('ignores forbidden CPUs, also malformed ones', () => {
    const annotations = { 'weka.io/cores-ids': '0-3', 'weka.io/forbid-core-ids': 'x' };
    assert.equal(kind({ annotations }), 'annotated 0-3');
    assert.deepEqual(classified({ annotations }).warnings, []);
  });

  test('may be one of its pod only, and then wins over the rest of the pod', () => {
    const annotations = { 'weka.io/cores-ids': '0-3', 'weka.io/cores-ids.main': '8' };
    assert.equal(kind({ annotations }), 'annotated 8');
    assert.equal(kind({ annotations, name: 'sidecar' }), 'annotated 0-3');
  });

  test('leaves the other containers of its pod as they are when it alone is pinned', () => {
    const annotations = { 'weka.io/cores-ids.other': '8' };
    assert.equal(kind({ annotations }), 'integer 2');
    assert.equal(kind({ annotations, resources: {} }), 'shared');
  });

  test("is not refused for the pod's malformed list when it has one of its own", () => {
    assert.equal(
      kind({ annotations: { 'weka.io/cores-ids': 'x', 'weka.io/cores-ids.main': '8' } }),
      'annotated 8',
    );
  });

  const malformed: readonly [list: string, item: string][] = [
    ['', ''],
    ['   ', '   '],
    ['3-1', '3-1'],
    ['-1', '-1'],
    ['0,x', 'x'],
    ['0,,1', ''],
    ['1-2-3', '1-2-3'],
    ['0x4', '0x4'],
    ['1.5', '1.5'],
    ['0-1024', '0-1024'],
    ['0-4294967295', '0-4294967295'],
    ['99999999999999999999999', '99999999999999999999999'],
  ];
  for (const [list, item] of malformed) {
    test(`is refused for the list ${JSON.stringify(list)}, which is quoted with the item that is wrong`, () => {
      assert.throws(
        () => classified({ annotations: { 'weka.io/cores-ids.main': list } }),
        ({ name, message }: Error) => {
          assert.equal(name, CpuListError.name);
          assert.ok(message.includes('weka.io/cores-ids.main'), message);
          assert.ok(message.includes(JSON.stringify(list)), message);
          assert.ok(message.includes(JSON.stringify(item)), message);
          return true;
        },
      );
    });
  }

  test('is refused for a list longer than 64 KiB, in a short message', () => {
    const annotations = { 'weka.io/cores-ids': '1,'.repeat(40_000) };
    assert.throws(
      () => classified({ annotations }),
      ({ message }: Error) => message.length < 300 && message.includes('65536'),
    );
  });
});

describe('forbidden CPUs', () => {
  test('go with an integer and with a shared container', () => {
    assert.equal(forbidden('0-3,8'), '0-3,8');
    const { workload } = classified({ resources: {}, annotations: { 'weka.io/forbid-core-ids': '0-3,8' } });
    assert.equal(workload.kind, 'shared');
    assert.equal(workload.forbidden.toString(), '0-3,8');
  });

  test('that do not exist are ignored', () => {
    assert.equal(forbidden('2,5000,1020-9999'), '2,1020-1023');
    assert.equal(forbidden('4-4294967295'), '4-1023');
    assert.equal(forbidden('5000'), '');
  });

  test('may be none', () => {
    const { workload, warnings } = classified({ annotations: { 'weka.io/forbid-core-ids': ' ' } });
    assert.equal('forbidden' in workload && workload.forbidden.isEmpty, true);
    assert.deepEqual(warnings, []);
  });

  test('that are malformed are ignored as a whole and warned about', () => {
    for (const list of ['0-3,x', '3-1', '1,'.repeat(40_000)]) {
      const { workload, warnings } = classified({ annotations: { 'weka.io/forbid-core-ids': list } });
      assert.equal(workload.kind, 'integer');
      assert.equal(workload.forbidden.toString(), '');
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /weka\.io\/forbid-core-ids/);
    }
  });
});

test('all annotations are of the configured domain', () => {
  const annotations = {
    'weka.io/cores-ids': '1',
    'example.com/forbid-core-ids': '2',
    'example.com/exclusive': 'false',
  };
  const { workload } = classified({ annotations }, { annotationDomain: 'example.com' });
  assert.equal(workload.kind, 'shared');
  assert.equal(workload.forbidden.toString(), '2');
});
