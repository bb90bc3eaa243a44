import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEPLOY, type KubernetesObject, objectsIn } from './objects.ts';

const BUILT = join(import.meta.dirname, '../../../.cache/deploy');
export const CHART = join(DEPLOY, 'helm/weka-nri-cpuset');
/** The version whose objects the chart is rendered for: that of the types which `strict` knows. */
const KUBERNETES = ['--kube-version', '1.37.0'];

/** Why tests that need helm are skipped; false where it is there. */
export const NO_HELM = existsSync(join(BUILT, 'made-by'))
  ? false
  : 'helm is not there: run test/deploy/setup.sh on a machine with Go';

/** Values of the chart, by their names in values.yaml. */
export type Values = Readonly<Record<string, unknown>>;

/** The objects that the chart makes of these values. @throws helm's error */
export function render(values: Values = {}, { chart = CHART, namespace = 'kube-system' } = {}) {
  const command = ['template', 'weka-nri-cpuset', chart, '--namespace', namespace, ...KUBERNETES];
  return objectsIn(run('helm', [...command, '--values', '-'], JSON.stringify(values)));
}

/** Has helm look for mistakes in the chart with these values. @throws what it found */
export function lint(values: Values): void {
  run('helm', ['lint', '--strict', CHART, ...KUBERNETES, '--values', '-'], JSON.stringify(values));
}

/** Packs the chart into a file of `folder`, and returns its path. */
export function pack(folder: string): string {
  const [, path] = /saved it to: (\S+)/.exec(run('helm', ['package', CHART, '--destination', folder])) ?? [];
  return path!;
}

/** Checks that objects have no fields but those of their Kubernetes types. @throws what else they have */
export function checkStrictly(objects: readonly KubernetesObject[]): void {
  run('strict', [], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
}

function run(program: string, args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync(join(BUILT, program), args, {
    input,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args[0] ?? ''}: ${stderr}${stdout}`);
  return stdout;
}
