import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import type { StateView } from '../../../src/main/admin/api.ts';
import type { JournalRecord } from '../../../src/main/journal.ts';
import { until } from '../../e2e/harness/until.ts';
import { integer, shared } from '../ledger/fixtures.ts';
import { INSTANCE, Scene } from './fixtures.ts';

/** A client that reads server-sent events, as a browser does. */
class Reader {
  readonly states: StateView[] = [];
  readonly records: JournalRecord[] = [];
  readonly response: IncomingMessage;
  lastId: string | undefined;
  #rest = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (chunk) => this.#read(chunk));
    response.on('error', () => {});
  }

  static async open(
    context: TestContext,
    scene: Scene,
    { query = '', lastId }: { query?: string; lastId?: string } = {},
  ): Promise<Reader> {
    const sent = request({
      socketPath: scene.socketPath,
      path: `/api/v1/events${query}`,
      agent: false,
      headers: lastId === undefined ? {} : { 'Last-Event-ID': lastId },
    });
    sent.on('error', () => {});
    sent.end();
    context.after(() => sent.destroy());
    const [response] = await once(sent, 'response');
    return new Reader(response);
  }

  /** Pods of the containers in the last state. */
  get pods(): readonly string[] | undefined {
    return this.states.at(-1)?.containers.map(({ pod }) => pod);
  }

  get sequences(): readonly number[] {
    return this.records.map(({ sequence }) => sequence);
  }

  #read(chunk: string): void {
    const messages = (this.#rest + chunk).split('\n\n');
    this.#rest = messages.pop()!;
    for (const message of messages) {
      const fields = new Map(
        message.split('\n').map((line): [string, string] => {
          const colon = line.indexOf(': ');
          return [line.slice(0, colon), line.slice(colon + 2)];
        }),
      );
      this.lastId = fields.get('id') ?? this.lastId;
      const data = fields.get('data') ?? '';
      if (fields.get('event') === 'state') this.states.push(JSON.parse(data));
      if (fields.get('event') === 'journal') this.records.push(JSON.parse(data));
    }
  }
}

const create = ({ plugin }: Scene, { pod, container }: ReturnType<typeof shared>) =>
  plugin.placing.create(pod, container);

describe('the stream of events', () => {
  test('begins with the state, and sends the new one and the record after a change', async (t) => {
    const scene = await Scene.start(t);
    create(scene, shared('before'));
    const reader = await Reader.open(t, scene);
    assert.equal(reader.response.headers['content-type'], 'text/event-stream');
    await until('the first state is there', () => reader.states.length === 1);
    assert.deepEqual([reader.pods, reader.sequences], [['before'], []]);
    create(scene, integer('db', 2, { createdAt: 1 }));
    await until('the change is there', () => reader.pods?.length === 2);
    assert.deepEqual(reader.sequences, [2]);
    assert.equal(reader.records[0]?.container, 'default/db/main');
  });

  test('tells many changes at once as one state, but every record', async (t) => {
    const scene = await Scene.start(t);
    const reader = await Reader.open(t, scene);
    await until('the first state is there', () => reader.states.length === 1);
    for (let i = 1; i <= 500; i++) create(scene, shared(`pod-${i}`));
    await until('all records are there', () => reader.records.length === 500);
    await until('the last state is there', () => reader.pods?.length === 500);
    assert.deepEqual(
      reader.sequences,
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    assert.ok(reader.states.length < 20, `${reader.states.length} states`);
  });

  test('is silent while nothing happens', async (t) => {
    const scene = await Scene.start(t);
    const [one, two] = [await Reader.open(t, scene), await Reader.open(t, scene)];
    await until('the first state is there', () => one.states.length + two.states.length === 2);
    create(scene, shared('web'));
    await until('the change is there', () => one.pods?.length === 1 && two.pods?.length === 1);
    assert.deepEqual([one.states.length, two.states.length], [2, 2]);
  });

  test('goes on where it was for a client that connects anew', async (t) => {
    const scene = await Scene.start(t);
    const first = await Reader.open(t, scene);
    create(scene, shared('a'));
    await until('the record is there', () => first.records.length === 1);
    first.response.destroy();
    for (const pod of ['b', 'c']) create(scene, shared(pod));
    const second = await Reader.open(t, scene, { lastId: first.lastId! });
    await until('the records are there', () => second.records.length === 2);
    assert.deepEqual(second.sequences, [2, 3]);
  });

  test('sends everything to a client that knew the plugin before it was started anew', async (t) => {
    const scene = await Scene.start(t);
    create(scene, shared('a'));
    for (const lastId of ['older1:57', `${INSTANCE}:x`, 'nonsense']) {
      const reader = await Reader.open(t, scene, { lastId });
      await until('the record is there', () => reader.records.length === 1);
    }
  });

  test('begins at the record that is asked for', async (t) => {
    const scene = await Scene.start(t);
    for (const pod of ['a', 'b', 'c']) create(scene, shared(pod));
    const reader = await Reader.open(t, scene, { query: '?since=1' });
    await until('the records are there', () => reader.records.length === 2);
    assert.deepEqual(reader.sequences, [2, 3]);
  });

  test('tells that the connection to the runtime ended', async (t) => {
    const scene = await Scene.start(t);
    const reader = await Reader.open(t, scene);
    await until('the first state is there', () => reader.states.length === 1);
    scene.plugin.observations.noteConnection(false);
    await until('it is told', () => reader.states.at(-1)?.runtime?.connected === false);
    assert.equal(reader.states.at(-1)?.health.ready, false);
  });

  test('is refused to more clients than there may be, and free again when one has gone', async (t) => {
    const scene = await Scene.start(t, { maxEventClients: 2 });
    const readers = [await Reader.open(t, scene), await Reader.open(t, scene)];
    assert.equal((await scene.ask('/api/v1/events')).status, 503);
    readers[0]!.response.destroy();
    await until('there is room', () => scene.server.eventClients === 1);
    assert.equal((await Reader.open(t, scene)).response.statusCode, 200);
  });

  test('ends when the server is closed', async (t) => {
    const scene = await Scene.start(t);
    const reader = await Reader.open(t, scene);
    scene.server.close();
    await until('the connection is closed', () => reader.response.closed);
  });
});
