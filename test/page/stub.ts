import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { API, JOURNAL_PAGE, type StateView } from '../../src/main/admin/api.ts';
import { pageAsset } from '../../src/main/admin/page.ts';
import type { JournalRecord } from '../../src/main/journal.ts';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
  'x-content-type-options': 'nosniff',
};

/** The daemon's admin server as the page sees it, with made-up answers: for states that a real daemon is hard to bring into. */
export class Stub {
  readonly address: string;
  #state: StateView;
  #records: readonly JournalRecord[] = [];
  #isDown = false;
  readonly #streams = new Set<ServerResponse>();

  private constructor(address: string, state: StateView) {
    this.address = address;
    this.#state = state;
  }

  /** Serves until the test ends. */
  static async start(
    context: Pick<TestContext, 'after'>,
    state: StateView,
    records: readonly JournalRecord[] = [],
  ): Promise<Stub> {
    const server = createServer((request, response) => stub.#answer(request.url ?? '/', response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const stub = new Stub(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, state);
    stub.#records = records;
    context.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return stub;
  }

  /** A new state, told to all who follow. */
  setState(state: StateView): void {
    this.#state = state;
    for (const stream of this.#streams) sendEvent(stream, 'state', state);
  }

  /** A new record, told to all who follow. */
  append(record: JournalRecord): void {
    this.#records = [...this.#records, record];
    for (const stream of this.#streams) sendEvent(stream, 'journal', record);
  }

  /** Stops answering. */
  goDown(): void {
    this.#isDown = true;
    for (const stream of this.#streams) stream.destroy();
  }

  /** Answers again; as another process when it has a state of its own. */
  comeBack(state = this.#state, records = this.#records): void {
    this.#isDown = false;
    this.#state = state;
    this.#records = records;
  }

  #answer(target: string, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(target, 'http://stub');
    if (this.#isDown) {
      response.destroy();
      return;
    }
    const since = this.#records.filter(({ sequence }) => sequence > Number(searchParams.get('since') ?? 0));
    const asset = pageAsset(pathname);
    if (asset !== undefined) {
      response.writeHead(200, { ...HEADERS, 'content-type': asset.type }).end(asset.body);
    } else if (pathname === API.state) {
      sendJson(response, this.#state);
    } else if (pathname === API.journal) {
      sendJson(response, since.slice(0, JOURNAL_PAGE));
    } else if (pathname === API.events) {
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      sendEvent(response, 'state', this.#state);
      for (const record of since) sendEvent(response, 'journal', record);
    } else {
      response.writeHead(404, HEADERS).end();
    }
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendEvent(stream: ServerResponse, event: string, data: unknown): void {
  stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
