import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { checkSocketPath } from '../unix-socket.ts';
import { API, JOURNAL_PAGE, type JournalPage, type StateView } from './api.ts';

/** The running plugin could not be asked. The message is one line that says what to look at. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
}

/** An event that the server sends (WHATWG HTML, "Server-sent events"). */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** The server answers from memory. */
const ANSWER_MS = 10_000;

/** Asks the running plugin over the admin server's unix socket. */
export class AdminClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws AdminError */
  async state(): Promise<StateView> {
    return (await this.#json(API.state)) as StateView;
  }

  /**
   * All records after number `sequence`, oldest first.
   *
   * @throws AdminError
   */
  async journal(sequence = 0): Promise<JournalPage> {
    const records: JournalPage[number][] = [];
    for (;;) {
      const since = records.at(-1)?.sequence ?? sequence;
      const page = (await this.#json(`${API.journal}?since=${since}`)) as JournalPage;
      records.push(...page);
      if (page.length < JOURNAL_PAGE) return records;
    }
  }

  /**
   * Events as they come, until the server ends the connection or `signal` is fired.
   *
   * @param since first the journal's records after this number; undefined: only new ones
   * @throws AdminError
   */
  async *events(signal: AbortSignal, since?: number): AsyncGenerator<ServerEvent, void> {
    const query = since === undefined ? '' : `?since=${since}`;
    const response = await this.#get(`${API.events}${query}`, signal);
    let event = '';
    let data: string[] = [];
    try {
      for await (const line of linesOf(response)) {
        if (line === '') {
          if (data.length > 0) yield { event, data: JSON.parse(data.join('\n')) };
          event = '';
          data = [];
        } else if (line.startsWith('event:')) event = line.slice('event:'.length).trim();
        else if (line.startsWith('data:')) data.push(line.slice('data:'.length));
      }
    } catch (error) {
      if (!signal.aborted) throw this.#broken(error);
    } finally {
      response.destroy();
    }
  }

  async #json(path: string): Promise<unknown> {
    const response = await this.#get(path, AbortSignal.timeout(ANSWER_MS));
    try {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      return JSON.parse(text);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  async #get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      checkSocketPath(this.#socketPath);
      const sent = request({ socketPath: this.#socketPath, path, signal }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      if (response.statusCode === 200) return response;
      response.destroy();
      throw new AdminError(
        `what listens on ${this.#socketPath} answers ${response.statusCode} to ${path}: is it weka-cpuset, of this version?`,
      );
    } catch (error) {
      throw error instanceof AdminError ? error : this.#broken(error);
    }
  }

  #broken(error: unknown): AdminError {
    return new AdminError(explain(this.#socketPath, error), { cause: error });
  }
}

function explain(path: string, error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return `there is no socket ${path}: is weka-cpuset running on this node, and is this its --admin-socket?`;
    case 'ECONNREFUSED':
      // So is whoever connects to a file of another kind.
      if (statSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
        return `${path} is no socket: is this the --admin-socket of weka-cpuset?`;
      }
      return `nobody answers on ${path}: weka-cpuset has ended; is another one running, with another --admin-socket?`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to use ${path}: this needs root, or the user that weka-cpuset runs as`;
    case 'ECONNRESET':
      return `the connection to ${path} was cut off: has weka-cpuset ended?`;
    default:
      if (name === 'TimeoutError' || name === 'AbortError') return `no answer came in time from ${path}`;
      return `no usable answer came from ${path}: ${message}`;
  }
}

async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
