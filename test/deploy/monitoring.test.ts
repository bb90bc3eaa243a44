import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parse } from 'yaml';
import { Exposition } from '../main/admin/exposition.ts';
import { Scene } from '../main/admin/fixtures.ts';
import { annotated, integer, shared } from '../main/ledger/fixtures.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/monitoring');
/** Labels that Prometheus adds. */
const ADDED = ['instance', 'job', 'le'];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const { groups } = parse(read('prometheus-rules.yaml')) as { groups: readonly { rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
};
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);

function read(file: string): string {
  return readFileSync(join(FOLDER, file), 'utf8');
}

/** Labels and their values by sample name, of a plugin in which all kinds of things have happened. */
async function exposed(context: TestContext): Promise<ReadonlyMap<string, ReadonlyMap<string, Set<string>>>> {
  const scene = await Scene.start(context, { config: { metrics: { containers: true } } });
  const { placing, observations } = scene.plugin;
  const create = ({ pod, container }: ReturnType<typeof shared>) => placing.create(pod, container);
  create(shared('web'));
  create(integer('db', 2));
  assert.throws(() => create(annotated('x', '99')));
  create(annotated('io', '1'));
  for (const outcome of ['answered', 'refused', 'late', 'failed'] as const) {
    for (const event of ['configure', 'create'] as const) observations.noteEvent(event, outcome, 1);
  }
  observations.noteIncident('planner', 'died');
  await nextTurn();
  const names = new Map<string, Map<string, Set<string>>>();
  for (const { name, labels } of (await Exposition.of(scene)).samples) {
    const known = names.get(name) ?? new Map<string, Set<string>>();
    names.set(name, known);
    for (const [label, value] of Object.entries(labels))
      known.set(label, (known.get(label) ?? new Set()).add(value));
  }
  return names;
}

/** Metrics that an expression names, each with its matchers. */
function selectors(expression: string) {
  return [...expression.matchAll(/(nri_cpuset_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      matchers: [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
      ),
    }),
  );
}

async function checkExpressions(context: TestContext, expressions: readonly string[]): Promise<void> {
  const metrics = await exposed(context);
  for (const expression of expressions) {
    const named = selectors(expression);
    assert.ok(named.length > 0, expression);
    for (const { name, matchers } of named) {
      const labels = metrics.get(name);
      assert.ok(labels, `${name} is exposed`);
      for (const { label, operator, value } of matchers) {
        if (ADDED.includes(label)) continue;
        assert.ok(labels.has(label), `${name} has the label ${label}`);
        const values = operator.includes('~') ? value.split('|') : [value];
        for (const each of values) assert.ok(labels.get(label)?.has(each), `${name} has ${label}="${each}"`);
      }
    }
    const known = new Set([...ADDED, ...named.flatMap(({ name }) => [...metrics.get(name)!.keys()])]);
    for (const [, grouping = ''] of expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of grouping.split(', ')) assert.ok(known.has(label), `${label} in ${expression}`);
    }
    assert.equal(expression.split('(').length, expression.split(')').length, expression);
  }
}

describe('the alert rules', () => {
  test('are built on metrics, labels and values that exist', (t) =>
    checkExpressions(
      t,
      rules.map(({ expr }) => expr),
    ));

  test('that go by how a count grows have one that is told before it does', async (t) => {
    const { samples } = await Exposition.of(await Scene.start(t, { isAlone: true }));
    const growing = rules.flatMap(({ expr }) => [...expr.matchAll(/increase\(([^[]*)\[/g)]);
    assert.ok(growing.length > 0);
    for (const [, selector = ''] of growing) {
      for (const { name, matchers } of selectors(selector)) {
        const told = samples.filter((sample) => sample.name === name);
        assert.ok(told.length > 0, name);
        for (const { label, value } of matchers) {
          for (const each of value.split('|')) {
            assert.ok(
              told.some(({ labels }) => labels[label] === each),
              `${name}{${label}="${each}"}`,
            );
          }
        }
      }
    }
  });

  test('have names, severities and texts, and are explained to operators', () => {
    const operations = readFileSync(join(FOLDER, '../../docs/operations.md'), 'utf8');
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^NriCpuset[A-Z]\w+$/);
      assert.match(labels.severity, /^(critical|warning)$/);
      assert.ok(annotations.summary.length > 20 && annotations.description.length > 20, alert);
      assert.ok(operations.includes(`\`${alert}\``), `${alert} is in docs/operations.md`);
    }
  });
});

describe('the dashboard', () => {
  test('is built on metrics, labels and values that exist', (t) =>
    checkExpressions(
      t,
      targets.map(({ expr }) => expr),
    ));

  test('lists nodes by a metric that exists', async (t) => {
    const metrics = await exposed(t);
    const [, name = ''] = /label_values\((\w+),/.exec(JSON.stringify(dashboard.templating.list)) ?? [];
    assert.ok(metrics.has(name), name);
  });

  test('has panels that do not overlap, each with an id of its own', () => {
    const { panels } = dashboard;
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.equal(taken.get(`${x},${y}`), undefined, title);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});
