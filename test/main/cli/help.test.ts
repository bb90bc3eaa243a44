import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEMO_FLAGS } from '../../../src/main/cli/demo-flags.ts';
import { helpText } from '../../../src/main/cli/help.ts';
import {
  DOCTOR_FLAGS,
  EXPLAIN_FLAGS,
  INSTALL_FLAGS,
  JOURNAL_FLAGS,
  MAP_FLAGS,
  RUN_FLAGS,
  SETTING_FLAGS,
  SIMULATE_FLAGS,
  STATUS_FLAGS,
  TOPOLOGY_FLAGS,
} from '../../../src/main/cli/known-flags.ts';

const FLAGS = [
  RUN_FLAGS,
  SETTING_FLAGS,
  STATUS_FLAGS,
  MAP_FLAGS,
  EXPLAIN_FLAGS,
  INSTALL_FLAGS,
  JOURNAL_FLAGS,
  SIMULATE_FLAGS,
  DOCTOR_FLAGS,
  TOPOLOGY_FLAGS,
  INSTALL_FLAGS,
  DEMO_FLAGS,
].flat();

test('fits 80 columns', () => {
  for (const line of helpText().split('\n')) assert.ok(line.length <= 80, line);
});

test('shows every flag with its value, and every default', () => {
  const text = helpText();
  const words = text.replace(/\s+/g, ' ');
  for (const { name, placeholder, fallback } of FLAGS) {
    assert.match(text, new RegExp(`^  --${name}${placeholder ? ` ${placeholder}` : ''} `, 'm'));
    if (placeholder !== undefined && fallback) assert.ok(words.includes(`default ${fallback})`), name);
  }
});

test('shows where the environment has names of its own, and the rule for the others', () => {
  const text = helpText();
  for (const name of ['NRI_SOCKET', 'NRI_PLUGIN_NAME', 'NRI_PLUGIN_IDX', 'NRI_PLUGIN_SOCKET']) {
    assert.ok(text.includes(name), name);
  }
  assert.match(text, /WEKA_CPUSET_MIN_SHARED_CPUS=2/);
});
