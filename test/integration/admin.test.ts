import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { HealthView, StateView } from '../../src/main/admin/api.ts';
import type { JournalRecord } from '../../src/main/journal.ts';
import { until } from '../e2e/harness/until.ts';
import { Node } from './node.ts';

async function ask(node: Node, path: string): Promise<string> {
  const [response] = await once(
    request({ socketPath: node.adminSocket, path, agent: false }).end(),
    'response',
  );
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

const stateOf = async (node: Node) => JSON.parse(await ask(node, '/api/v1/state')) as StateView;

async function start(context: TestContext): Promise<Node> {
  const node = await Node.start(context, {
    topology: '1 package, 8 cores, SMT 2, siblings adjacent',
    nriVersion: 'v0.12.1',
    flags: () => ['--log-level', 'debug', '--metrics', 'containers=true'],
  });
  await node.untilLogged(/admin server is listening/);
  return node;
}

describe('The admin server of a running plugin', () => {
  it('shows the runtime, the host, the containers and what was decided', async (t) => {
    const node = await start(t);
    const db = await node.run('db', { cpus: 2 });
    await node.run('web');
    const pinned = `${node.cpusOf(db)}`;
    await node.run('pinned', { pinned });
    const { runtime, containers, topology, health, events } = await stateOf(node);
    assert.equal(runtime?.nri, '0.12.1');
    assert.ok(runtime?.synchronizedAt !== undefined && runtime.registeredAt !== undefined);
    assert.equal(topology.online, '0-15');
    assert.deepEqual(health, { live: true, ready: true, missing: [] });
    for (const [name, runsOn] of [
      ['pinned', pinned],
      ['db', `${node.cpusOf(db)}`],
    ] as const) {
      const container = containers.find((each) => each.container === name);
      assert.deepEqual([container?.cpus, container?.runsOn], [runsOn, runsOn], name);
    }
    assert.equal(events.find(({ event, outcome }) => event === 'create' && outcome === 'answered')?.count, 3);
    const journal = JSON.parse(await ask(node, '/api/v1/journal')) as JournalRecord[];
    const { moves = [] } = journal.at(-1)!;
    assert.deepEqual(
      moves.map(({ from, to }) => [from, to]),
      [[pinned, `${node.cpusOf(db)}`]],
    );
    assert.match(await ask(node, '/metrics'), /^nri_cpuset_moves_total 1$/m);
  });

  it('names a refusal by the same operation in the error, the log and the journal', async (t) => {
    const node = await start(t);
    const error = await node.run('big', { cpus: 99 }).catch((reason: Error) => reason.message);
    const [, operation] = /\[operation ([\w-]+)\]/.exec(`${error}`) ?? [];
    assert.ok(operation);
    const { operation: logged } = await node.untilLogged(/refused/);
    assert.equal(logged, operation);
    const journal = JSON.parse(await ask(node, '/api/v1/journal')) as JournalRecord[];
    assert.equal(journal.at(-1)?.operation, operation);
  });

  it('tells that the runtime is gone', async (t) => {
    const node = await start(t);
    await node.runtime.close();
    const health = async () => JSON.parse(await ask(node, '/readyz')) as HealthView;
    await until('it is told', async () => !(await health()).ready);
    assert.deepEqual((await health()).missing, ['not registered with a runtime']);
    assert.equal((await stateOf(node)).runtime?.connected, false);
  });

  it('and the log tell nothing of the environment, arguments and mounts of containers', async (t) => {
    const node = await start(t);
    await node.run('web');
    await node.run('db', { cpus: 2 });
    await node.untilLogged(/db/);
    const shown = [
      await ask(node, '/api/v1/state'),
      await ask(node, '/api/v1/journal'),
      JSON.stringify(node.log),
    ];
    for (const text of shown) {
      assert.match(text, /db/);
      // What the embedded runtime tells of every container.
      assert.doesNotMatch(text, /KUBERNETES_SERVICE|PAYMENTS|\/usr\/local\/bin|secrets|--log-level=info/);
    }
  });
});
