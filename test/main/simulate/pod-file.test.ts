import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parsePods, readPodFile } from '../../../src/main/simulate/pod-file.ts';
import type { SimulatedPod } from '../../../src/main/simulate/pod-spec.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const parse = (text: string) => parsePods(text, 'pods.yaml');
const names = (text: string) => parse(text).pods.map(({ spec }) => `${spec.namespace}/${spec.name}`);
const only = (text: string): SimulatedPod => {
  const { pods } = parse(text);
  assert.equal(pods.length, 1);
  return pods[0]!;
};
const TEMPLATE = 'template: {spec: {containers: [{name: main}]}}';

describe('what makes pods', () => {
  test('a Pod is one', () => {
    const pod = only(`
      kind: Pod
      metadata: {name: db, namespace: shop, annotations: {weka.io/cores-ids: "0-3"}, labels: {app: db}}
      spec: {containers: [{name: main}]}`);
    const { name, namespace, annotations, labels } = pod.spec;
    assert.deepEqual([name, namespace], ['db', 'shop']);
    assert.deepEqual(annotations, { 'weka.io/cores-ids': '0-3' });
    assert.deepEqual(labels, { app: 'db' });
  });

  test('replicas are counted, one by default', () => {
    for (const kind of ['Deployment', 'ReplicaSet', 'ReplicationController']) {
      assert.deepEqual(names(`{kind: ${kind}, metadata: {name: a}, spec: {replicas: 2, ${TEMPLATE}}}`), [
        'default/a-1',
        'default/a-2',
      ]);
      assert.deepEqual(names(`{kind: ${kind}, metadata: {name: a}, spec: {${TEMPLATE}}}`), ['default/a-1']);
    }
    assert.deepEqual(names(`{kind: StatefulSet, metadata: {name: a}, spec: {replicas: 2, ${TEMPLATE}}}`), [
      'default/a-0',
      'default/a-1',
    ]);
  });

  test('a DaemonSet has one pod on the node', () => {
    assert.deepEqual(names(`{kind: DaemonSet, metadata: {name: a, namespace: b}, spec: {${TEMPLATE}}}`), [
      'b/a',
    ]);
  });

  test('of a Job, as many count as run at a time', () => {
    const job = (spec: string) =>
      names(`{kind: Job, metadata: {name: a}, spec: {${spec}${TEMPLATE}}}`).length;
    assert.equal(job(''), 1);
    assert.equal(job('completions: 9, '), 1);
    assert.equal(job('completions: 9, parallelism: 3, '), 3);
    assert.equal(job('completions: 2, parallelism: 3, '), 2);
    const cron = `{kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {spec: {parallelism: 2, ${TEMPLATE}}}}}`;
    assert.equal(names(cron).length, 2);
  });

  test('documents and Lists are taken in their order, and what makes no pods is passed over', () => {
    const { pods, ignored } = parse(`
# a comment makes a document of nothing
---
kind: Pod
metadata: {name: a}
spec: {containers: [{name: main}]}
---
kind: Service
---
kind: List
items:
- {kind: Pod, metadata: {name: b}, spec: {containers: [{name: main}]}}
- {kind: Service}
- {kind: Pod, metadata: {name: ended}, spec: {containers: [{name: main}]}, status: {phase: Succeeded}}
- {kind: DeploymentList, items: [{metadata: {name: c}, spec: {${TEMPLATE}}}]}
`);
    assert.deepEqual(
      pods.map(({ spec }) => spec.name),
      ['a', 'b', 'c-1'],
    );
    assert.deepEqual(ignored, ['2 Services', '1 ended Pod']);
  });

  test('JSON is taken too, in one piece or as documents', () => {
    const pod = (name: string) =>
      JSON.stringify({ kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'm' }] } });
    assert.deepEqual(names(pod('a')), ['default/a']);
    assert.deepEqual(names(`${pod('a')}\n---\n${pod('b')}`), ['default/a', 'default/b']);
  });
});

describe('containers', () => {
  test('init containers and sidecars come first, in their order', () => {
    const { steps } = only(`
      kind: Pod
      metadata: {name: a}
      spec:
        containers: [{name: main}, {name: helper}]
        initContainers: [{name: first}, {name: proxy, restartPolicy: Always}, {name: second}]`);
    assert.deepEqual(
      steps.map(({ role, spec }) => `${role} ${spec.name}`),
      ['init first', 'sidecar proxy', 'init second', 'container main', 'container helper'],
    );
  });

  test('requests default to limits, and quantities are read as Kubernetes does', () => {
    const { steps } = only(`
      kind: Pod
      metadata: {name: a}
      spec:
        containers:
        - {name: main, resources: {limits: {cpu: 2, memory: 64Gi}, requests: {cpu: 500m}}}
        - {name: helper, resources: {limits: {cpu: "1.5"}}}`);
    assert.deepEqual(
      steps.map(({ spec }) => spec),
      [
        { name: 'main', cpus: { request: 0.5, limit: 2 }, memory: { request: 2 ** 36, limit: 2 ** 36 } },
        { name: 'helper', cpus: { request: 1.5, limit: 1.5 } },
      ],
    );
  });
});

describe('quality of service', () => {
  const qos = (spec: string) => only(`{kind: Pod, metadata: {name: a}, spec: {${spec}}}`).spec.qos;
  const container = (resources: string) => `{name: m, resources: {${resources}}}`;
  const LIMITS = 'limits: {cpu: 2, memory: 1Gi}';

  test('limits for CPU and memory alone make a pod Guaranteed', () => {
    assert.equal(qos(`containers: [${container(LIMITS)}]`), 'guaranteed');
    assert.equal(
      qos(`containers: [${container(`${LIMITS}, requests: {cpu: 2000m, memory: 1024Mi}`)}]`),
      'guaranteed',
    );
  });

  test('a lower request, a missing limit or one container without makes it Burstable', () => {
    assert.equal(qos(`containers: [${container(`${LIMITS}, requests: {cpu: 1}`)}]`), 'burstable');
    assert.equal(qos(`containers: [${container('limits: {cpu: 2}')}]`), 'burstable');
    assert.equal(qos(`containers: [${container(LIMITS)}, {name: n}]`), 'burstable');
    assert.equal(qos(`initContainers: [{name: i}], containers: [${container(LIMITS)}]`), 'burstable');
  });

  test('nothing, or nothing but zeros, is BestEffort', () => {
    assert.equal(qos('containers: [{name: m}]'), 'besteffort');
    assert.equal(qos(`containers: [${container('requests: {cpu: 0, memory: "0"}')}]`), 'besteffort');
    assert.equal(qos(`containers: [${container('limits: {nvidia.com/gpu: 1}')}]`), 'besteffort');
  });

  test('resources of the pod as a whole decide alone', () => {
    assert.equal(qos(`resources: {${LIMITS}}, containers: [{name: m}]`), 'guaranteed');
    assert.equal(qos(`resources: {requests: {cpu: 1}}, containers: [${container(LIMITS)}]`), 'burstable');
  });
});

describe('what is wrong is told in one line, with file, document and field', () => {
  const refused = (text: string, message: string | RegExp) =>
    assert.throws(() => parse(text), { name: 'ConfigError', message });

  test('text that is no YAML', () => {
    refused('a: [', /^pods\.yaml: document 1: [^\n]+$/);
    const bomb = [
      'a: &a [x, x, x]',
      ...'bcdefgh'.split('').map((key, index) => {
        const before = 'abcdefgh'[index];
        return `${key}: &${key} [*${before}, *${before}, *${before}, *${before}]`;
      }),
    ];
    refused(bomb.join('\n'), /^pods\.yaml: document 1: Excessive alias count/);
    refused('kind: Service\n---\nkind: Pod\nkind: Pod', /^pods\.yaml: document 2: Map keys must be unique/);
  });

  test('something that is no object, or no pod', () => {
    refused('- 1', 'pods.yaml: document 1: must be a Kubernetes object');
    refused('a: 1', 'pods.yaml: document 1: kind: must name the kind of object');
    refused(
      '{kind: Pod, spec: {containers: [{name: a}]}}',
      'pods.yaml: document 1: metadata.name: is missing',
    );
    refused(
      '{kind: Deployment, metadata: {name: web, namespace: shop}, spec: {}}',
      'pods.yaml: document 1, Deployment shop/web: spec.template: must be a mapping',
    );
  });

  test('a bad field', () => {
    const pod = (container: string) => `{kind: Pod, metadata: {name: x}, spec: {containers: [${container}]}}`;
    const WHERE = 'pods.yaml: document 1, Pod default/x: spec.containers';
    refused(pod(''), `${WHERE}: must have at least one container`);
    refused(pod('{image: a}'), `${WHERE}[0].name: must be a name`);
    refused(
      pod('{name: a, resources: {limits: {cpu: 4cores}}}'),
      `${WHERE}[0].resources.limits.cpu: "4cores" is not a quantity such as 500m, 2, 1.5 or 64Gi`,
    );
    refused(
      pod('{name: a, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}'),
      `${WHERE}[0].resources.requests.cpu: is more than the limit`,
    );
    refused(
      '{kind: List, items: [{kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {template: {spec: {containers: 1}}}}}}]}',
      'pods.yaml: document 1, item 1, CronJob default/c: spec.jobTemplate.spec.template.spec.containers: must be a list of containers',
    );
  });

  test('more pods than a node can have', () => {
    refused(
      `{kind: Deployment, metadata: {name: a}, spec: {replicas: 2000000, ${TEMPLATE}}}`,
      'pods.yaml: document 1, Deployment default/a: makes more than 10000 pods',
    );
  });

  test('no pods, and no file', async () => {
    refused('kind: Service', 'pods.yaml: has no pods to start, and nothing that makes pods');
    await assert.rejects(readPodFile('/nonexistent/pods.yaml'), {
      name: 'ConfigError',
      message: '/nonexistent/pods.yaml: does not exist',
    });
    await assert.rejects(readPodFile('/'), { name: 'ConfigError', message: '/: is a folder' });
  });

  test('devices, and what never ends', async (context) => {
    await assert.rejects(readPodFile('/dev/zero'), {
      name: 'ConfigError',
      message: '/dev/zero: is not a file',
    });
    const path = join(temporaryFolder(context), 'pods.yaml');
    writeFileSync(path, 'kind: Pod');
    truncateSync(path, 64 * 1024 * 1024 + 1);
    await assert.rejects(readPodFile(path), {
      name: 'ConfigError',
      message: `${path}: is longer than 64 MiB`,
    });
  });
});

describe('pods are read', () => {
  const pod = `{kind: Pod, metadata: {name: ${'a'.repeat(50)}}, spec: {containers: [{name: main}]}}\n---\n`;
  // More than a pipe holds.
  const text = pod.repeat(1500);

  test('from a file', async (context) => {
    const path = join(temporaryFolder(context), 'pods.yaml');
    writeFileSync(path, text);
    assert.equal((await readPodFile(path)).pods.length, 1500);
  });

  test('from a pipe that has a name', async (context) => {
    const folder = temporaryFolder(context);
    const [pipe, file] = [join(folder, 'pipe'), join(folder, 'file')];
    writeFileSync(file, text);
    execFileSync('mkfifo', [pipe]);
    // It waits for a reader, as the reader does for it.
    spawn('sh', ['-c', 'cat "$0" > "$1"', file, pipe]);
    assert.equal((await readPodFile(pipe)).pods.length, 1500);
  });
});
