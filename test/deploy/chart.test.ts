import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { parseCommandLine } from '../../src/main/cli/args.ts';
import { type Config, DEFAULT_CONFIG, loadConfig } from '../../src/main/config.ts';
import { readConfig } from '../../src/main/config-file.ts';
import { SETTING_NAMES } from '../../src/main/settings.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { CHART, checkStrictly, lint, NO_HELM, pack, render, type Values } from './harness/helm.ts';
import {
  DEPLOY,
  type KubernetesObject,
  manifests,
  only,
  type PluginDaemonSet,
  VERSION,
  validate,
} from './harness/objects.ts';

/** Every setting, with a value that is not its default. */
const ALL_SETTINGS: Config = {
  annotationDomain: 'cpu.example.org',
  debug: true,
  numaMemoryPolicy: 'preferred',
  reservedCpus: '0-1,64',
  protectedCpus: '0',
  isolatedCpus: 'prefer',
  minSharedCpus: 4,
  pinningNamespaces: ['storage', 'ml-*'],
  priority: 'numa',
  poolGrowth: { rate: 2.5, burst: 10_000 },
  liftCpuQuota: true,
  reassignment: {
    minContainers: 100_000,
    minCpus: 0,
    timeoutShare: 0.1,
    msPerContainer: 0.5,
    workers: 2,
    warm: true,
  },
  reconcile: { after: 1, growthAfter: 2, driftInterval: 0, hostInterval: 0.5 },
  metrics: { containers: true },
};

const VALUE_SETS: Readonly<Record<string, Values>> = {
  'the defaults': {},
  'all that can be switched on': {
    hostInstall: { enabled: true },
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' }, interval: '1m' },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  },
  'another value everywhere': {
    image: { repository: 'registry.example.org:5000/a/b', tag: '1.2.3', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
    config: ALL_SETTINGS,
    http: { address: '[::]', port: 19_464 },
    extraArgs: ['--plugin-index=50'],
    nri: { socketFolder: '/run/containerd/nri' },
    resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    nodeSelector: { 'node-role.example.org/storage': 'true' },
    tolerations: [{ key: 'storage', operator: 'Equal', value: 'yes', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'cpus', operator: 'Gt', values: ['63'] }] }],
        },
      },
    },
    priorityClassName: 'mine',
    podLabels: { team: 'storage' },
    podAnnotations: { 'example.org/note': 'text: with "quotes"' },
    seLinuxOptions: { type: 'spc_t' },
    hostInstall: { enabled: true, pluginFolder: '/var/lib/nri/plugins', configFolder: '/var/lib/nri/conf.d' },
  },
  'nothing that can be left out': {
    config: { debug: null, numaMemoryPolicy: null },
    nodeSelector: null,
    tolerations: [],
    resources: null,
  },
};

/** Values that would not work, and what the refusal names. */
const REFUSED: readonly (readonly [Values, RegExp])[] = [
  [{ imge: {} }, /imge/],
  [{ image: { pullPolicy: 'Sometimes' } }, /pullPolicy/],
  [{ image: { tag: 1.1 } }, /tag/],
  [{ imagePullSecrets: ['registry'] }, /imagePullSecrets/],
  [{ config: { minSharedCpu: 1 } }, /minSharedCpu/],
  [{ config: { 'min-shared-cpus': 1 } }, /min-shared-cpus/],
  [{ config: { minSharedCpus: -1 } }, /minSharedCpus/],
  [{ config: { minSharedCpus: '1' } }, /minSharedCpus/],
  [{ config: { numaMemoryPolicy: 'lax' } }, /numaMemoryPolicy/],
  [{ config: { reservedCpus: '0-x' } }, /reservedCpus/],
  [{ config: { reservedCpus: 0 } }, /reservedCpus/],
  [{ config: { annotationDomain: 'Weka' } }, /annotationDomain/],
  [{ config: { pinningNamespaces: 'default' } }, /pinningNamespaces/],
  [{ config: { poolGrowth: { rate: 1 } } }, /poolGrowth/],
  [{ config: { reassignment: { timeoutShare: 2 } } }, /timeoutShare/],
  [{ config: { reconcile: { hostInterval: 0 } } }, /hostInterval/],
  [{ http: { port: 0 } }, /port/],
  [{ http: { address: '::' } }, /address/],
  [{ extraArgs: ['debug'] }, /extraArgs/],
  [{ nri: { socketFolder: 'run/nri' } }, /socketFolder/],
  [{ resources: { limits: { cpu: 'much' } } }, /cpu/],
  [{ tolerations: [{ operator: 'Maybe' }] }, /operator/],
  [{ podLabels: { app: 'other' } }, /podLabels/],
  [{ podMonitor: { interval: '30' } }, /interval/],
  [{ prometheusRule: { enabled: 'yes' } }, /enabled/],
];

const MONITORING_KINDS = ['PodMonitor', 'PrometheusRule', 'ServiceMonitor'];

async function settingsOf(context: TestContext, objects: readonly KubernetesObject[]): Promise<Config> {
  const folder = join(temporaryFolder(context), 'config');
  mkdirSync(folder);
  const { data } = only<KubernetesObject & { readonly data: Record<string, string> }>(objects, 'ConfigMap');
  for (const [key, value] of Object.entries(data)) writeFileSync(join(folder, key), value);
  return loadConfig({ file: await readConfig(folder) });
}

function byName(objects: readonly KubernetesObject[]): Readonly<Record<string, KubernetesObject>> {
  return Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}

describe('the chart', { skip: NO_HELM }, () => {
  test('makes of its default values what the manifests are', () => {
    assert.deepEqual(byName(render()), byName(manifests()));
  });

  for (const [name, values] of Object.entries(VALUE_SETS)) {
    test(`makes valid objects of ${name}`, () => {
      lint(values);
      const objects = render(values, { namespace: 'cpus' });
      for (const object of objects) {
        assert.equal(object.metadata.namespace, 'cpus');
        assert.equal(validate(object), !MONITORING_KINDS.includes(object.kind), object.kind);
      }
      checkStrictly(objects);
    });
  }

  for (const [values, named] of REFUSED) {
    test(`refuses ${JSON.stringify(values)}`, () => assert.throws(() => render(values), named));
  }

  test('gives the plugin the settings that were asked for', async (t) => {
    assert.deepEqual(await settingsOf(t, render()), DEFAULT_CONFIG);
    assert.deepEqual(await settingsOf(t, render({ config: ALL_SETTINGS })), ALL_SETTINGS);
  });

  test('keeps the plugin out of its own hands, also with annotations of another domain', () => {
    const objects = render({ config: { annotationDomain: 'cpu.example.org' } });
    const { annotations } = only<PluginDaemonSet>(objects, 'DaemonSet').spec.template.metadata;
    assert.deepEqual(annotations, { 'cpu.example.org/exclusive': 'false' });
  });

  test('starts containers with arguments that the program knows', () => {
    const objects = render(VALUE_SETS['another value everywhere']);
    const { containers, initContainers = [] } = only<PluginDaemonSet>(objects, 'DaemonSet').spec.template
      .spec;
    const run = parseCommandLine(containers[0]?.args ?? [], {});
    assert.ok(run.name === 'run');
    assert.deepEqual(run.options.http, { host: '::', port: 19_464 });
    assert.equal(run.options.pluginIndex, '50');
    assert.deepEqual(parseCommandLine(initContainers[0]?.args ?? [], {}), {
      name: 'install',
      options: {
        to: '/host/plugins/99-weka-cpuset',
        config: { from: run.options.configPath, to: '/host/conf.d/99-weka-cpuset.conf' },
      },
    });
  });

  test('gives the init container that installs on the host no more rights than the plugin', () => {
    const objects = render({ hostInstall: { enabled: true } });
    const { containers, initContainers = [] } = only<PluginDaemonSet>(objects, 'DaemonSet').spec.template
      .spec;
    assert.deepEqual(initContainers[0]?.securityContext, containers[0]?.securityContext);
  });

  test('brings the alert rules of deploy/monitoring, also when it is packed', (t) => {
    const rules = parse(readFileSync(join(DEPLOY, 'monitoring/prometheus-rules.yaml'), 'utf8'));
    for (const chart of [CHART, pack(temporaryFolder(t))]) {
      const objects = render({ prometheusRule: { enabled: true } }, { chart });
      const rule = only<KubernetesObject & { readonly spec: unknown }>(objects, 'PrometheusRule');
      assert.deepEqual(rule.spec, rules);
    }
  });
});

test("the chart's schema knows every setting of the plugin and no other", () => {
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
  assert.deepEqual(Object.keys(schema.properties.config.properties), [...SETTING_NAMES]);
  const parts = (name: 'reassignment' | 'reconcile' | 'metrics' | 'poolGrowth') =>
    Object.keys(schema.properties.config.properties[name].properties);
  for (const name of ['reassignment', 'reconcile', 'metrics', 'poolGrowth'] as const) {
    assert.deepEqual(parts(name), Object.keys(DEFAULT_CONFIG[name]));
  }
});

test('the chart carries the version of the program', () => {
  const { version, appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
  assert.deepEqual([version, appVersion], [VERSION, VERSION]);
});
