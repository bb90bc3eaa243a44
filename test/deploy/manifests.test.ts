import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { API } from '../../src/main/admin/api.ts';
import { parseCommandLine } from '../../src/main/cli/args.ts';
import { DEFAULTS } from '../../src/main/cli/known-flags.ts';
import { DEFAULT_CONFIG, loadConfig } from '../../src/main/config.ts';
import { readConfig } from '../../src/main/config-file.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { checkStrictly, NO_HELM } from './harness/helm.ts';
import {
  DEPLOY,
  manifests,
  objectsIn,
  only,
  type PluginDaemonSet,
  VERSION,
  validate,
} from './harness/objects.ts';

const objects = manifests();
const { spec } = only<PluginDaemonSet>(objects, 'DaemonSet');
const pod = spec.template.spec;
const [container] = pod.containers;
assert.ok(container);

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

describe('the manifests', () => {
  test('are objects by the schema of Kubernetes', () => {
    for (const object of objects) assert.ok(validate(object), object.kind);
  });

  test('have no misspelt field', { skip: NO_HELM }, () => checkStrictly(objects));

  test('are all that kustomize makes of them', { skip: !hasKubectl && 'kubectl is not there' }, () => {
    const made = spawnSync('kubectl', ['kustomize', join(DEPLOY, 'manifests')], { encoding: 'utf8' });
    const byKind = (list: typeof objects) => Object.fromEntries(list.map((object) => [object.kind, object]));
    assert.deepEqual(byKind(objectsIn(made.stdout)), byKind(objects));
  });

  test('ask for no rights in the cluster and mount no token', () => {
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), ['ConfigMap', 'DaemonSet', 'ServiceAccount']);
    const account = only(objects, 'ServiceAccount');
    assert.equal('automountServiceAccountToken' in account && account.automountServiceAccountToken, false);
    assert.equal(pod.automountServiceAccountToken, false);
  });

  test('carry the version of the program', () => {
    assert.equal(container.image, `weka-nri-cpuset:${VERSION}`);
  });
});

describe("the plugin's pod", () => {
  test('has no privilege but to be root', () => {
    assert.deepEqual([pod.hostNetwork, pod.hostPID, pod.hostIPC], [undefined, undefined, undefined]);
    assert.deepEqual(pod.securityContext, {
      runAsUser: 0,
      runAsGroup: 0,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.deepEqual(container.securityContext, {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('sees three folders of the host, and can write to its own only', () => {
    const hostPaths = new Map(pod.volumes.map(({ name, hostPath }) => [name, hostPath?.path]));
    const mounts = container.volumeMounts.flatMap(({ name, mountPath, readOnly = false }) => {
      const path = hostPaths.get(name);
      return path === undefined ? [] : [{ path, mountPath, readOnly }];
    });
    assert.deepEqual(mounts, [
      { path: '/var/run/nri', mountPath: '/var/run/nri', readOnly: true },
      { path: '/run/weka-nri-cpuset', mountPath: '/run/weka-nri-cpuset', readOnly: false },
      { path: '/sys/fs/cgroup', mountPath: '/sys/fs/cgroup', readOnly: true },
    ]);
    assert.ok(DEFAULTS.socket.startsWith('/var/run/nri/'));
    assert.ok(DEFAULTS.adminSocket.startsWith('/run/weka-nri-cpuset/'));
  });

  test('runs on every node, whatever its taints, and among the last to be evicted', () => {
    assert.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
    assert.equal(pod.priorityClassName, 'system-node-critical');
  });

  test('is replaced by one that is started first, a node at a time', () => {
    assert.deepEqual(spec.updateStrategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
    });
  });

  test('is placed in the pool', () => {
    const { requests, limits } = container.resources;
    assert.deepEqual([requests.cpu, limits.cpu], ['100m', undefined]);
    const domain = DEFAULT_CONFIG.annotationDomain;
    assert.equal(spec.template.metadata.annotations[`${domain}/exclusive`], 'false');
  });

  test('is started with arguments that the program knows, and asked where it answers', () => {
    const command = parseCommandLine(container.args, {});
    assert.equal(command.name, 'run');
    const { http, configPath } = command.options;
    const port = container.ports?.find(({ name }) => name === 'http')?.containerPort;
    assert.deepEqual(http, { host: '0.0.0.0', port });
    assert.ok(
      container.volumeMounts.some(({ name, mountPath }) => name === 'config' && mountPath === configPath),
    );
    assert.deepEqual(container.livenessProbe?.httpGet, { path: API.health, port: 'http' });
    assert.deepEqual(container.readinessProbe?.httpGet, { path: API.readiness, port: 'http' });
  });
});

test('the ConfigMap, mounted as a folder, holds the default settings', async (t) => {
  const folder = join(temporaryFolder(t), 'config');
  mkdirSync(folder);
  const map = only(objects, 'ConfigMap');
  const data = 'data' in map ? (map.data as Record<string, string>) : {};
  assert.ok(['debug', 'numa-memory-policy'].every((key) => key in data));
  for (const [key, value] of Object.entries(data)) writeFileSync(join(folder, key), value);
  assert.deepEqual(loadConfig({ file: await readConfig(folder) }), DEFAULT_CONFIG);
});
