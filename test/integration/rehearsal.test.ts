import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminClient } from '../../src/main/admin/client.ts';
import { Node } from './node.ts';

test('nothing is seen of the events that a plugin rehearses', async (t) => {
  const node = await Node.start(t, {
    topology: '2 nodes, 8 cores, SMT 2',
    nriVersion: 'v0.12.1',
    flags: () => ['--log-level', 'debug'],
  });
  const db = await node.run('db', { cpus: 2 });
  const web = await node.run('web');
  await node.untilLogged(/^events are rehearsed$/);
  const { containers, events, health } = await new AdminClient(node.adminSocket).state();
  assert.deepEqual(health.missing, []);
  assert.deepEqual(containers.map(({ id }) => id).sort(), [db.id, web.id].sort());
  assert.equal(events.find(({ event, outcome }) => event === 'create' && outcome === 'answered')?.count, 2);
  const told = node.log.flatMap(({ container }) => (container === undefined ? [] : [container]));
  assert.deepEqual(told, ['default/db/db', 'default/web/web']);
  assert.deepEqual(node.runtime.violations, []);
});
