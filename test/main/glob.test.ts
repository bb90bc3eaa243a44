import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globMatcher } from '../../src/main/glob.ts';

const matches = (pattern: string, text: string) => globMatcher([pattern])(text);

test('a pattern has to match the whole text', () => {
  assert.ok(matches('kube-system', 'kube-system'));
  assert.ok(!matches('kube', 'kube-system'));
  assert.ok(!matches('system', 'kube-system'));
  assert.ok(matches('', ''));
  assert.ok(!matches('', 'a'));
});

test('* stands for any run of characters, also none', () => {
  for (const text of ['', 'a', 'weka']) assert.ok(matches('*', text));
  assert.ok(matches('weka-*', 'weka-'));
  assert.ok(matches('weka-*', 'weka-prod'));
  assert.ok(!matches('weka-*', 'wekas'));
  assert.ok(matches('*-prod', 'a-prod-prod'));
  assert.ok(matches('a*b*c', 'a-b-b-c-c'));
  assert.ok(!matches('a*b*c', 'a-c-b'));
  assert.ok(matches('a**', 'a'));
});

test('? stands for exactly one character', () => {
  assert.ok(matches('team-?', 'team-a'));
  assert.ok(!matches('team-?', 'team-'));
  assert.ok(!matches('team-?', 'team-ab'));
  assert.ok(matches('*?', 'a'));
});

test('nothing else is special', () => {
  assert.ok(!matches('a.c', 'abc'));
  assert.ok(!matches('[ab]', 'a'));
  assert.ok(!matches('a|b', 'a'));
});

test('one of several patterns is enough; without patterns nothing matches', () => {
  assert.ok(globMatcher(['a', 'b*'])('bc'));
  assert.ok(!globMatcher(['a', 'b*'])('c'));
  assert.ok(!globMatcher([])('a'));
});

test('a pattern that would keep a backtracking matcher busy for ages is answered', () => {
  assert.ok(!matches(`${'*a'.repeat(30)}b`, 'a'.repeat(2000)));
});
