import type { JournalRecord } from '../../journal.ts';
import { API, type JournalPage, type StateView } from '../api.ts';
import type { Message } from './model.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** Records that come at once are shown at once: a storm of them is one change of the page. */
const GATHER_MS = 50;
/** A connection that has been silent for so long is tried out: it may have been cut without a word. */
const SILENCE_MS = 20_000;
const ANSWER_MS = 5_000;

/** Follows the daemon until the function it returns is called: its journal so far, then state and journal as they change. */
export function follow(tell: (message: Message) => void): () => void {
  const stop = new AbortController();
  new Follower(tell, stop.signal).connect();
  return () => stop.abort();
}

class Follower {
  readonly #tell: (message: Message) => void;
  readonly #signal: AbortSignal;
  #source: EventSource | undefined;
  #retryMs = FIRST_RETRY_MS;
  #sequence = 0;
  #instance: string | undefined;
  #lostSince: number | undefined;
  #gathered: JournalRecord[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (message: Message) => void, signal: AbortSignal) {
    this.#tell = tell;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#disconnect());
  }

  connect(): void {
    this.#retry = undefined;
    this.#open().catch(() => this.#lose());
  }

  async #open(): Promise<void> {
    this.#takeState(await ask<StateView>(API.state));
    // The journal comes in answers rather than as events: a slow reader of thousands of events would be dropped.
    for (let page: JournalPage = []; ; ) {
      page = await ask<JournalPage>(`${API.journal}?since=${this.#sequence}`);
      if (page.length === 0) break;
      this.#takeRecords(page);
    }
    if (this.#signal.aborted) return;
    const source = new EventSource(urlOf(`${API.events}?since=${this.#sequence}`));
    this.#source = source;
    source.addEventListener('open', () => this.#heard());
    source.addEventListener('state', ({ data }) => this.#takeState(JSON.parse(data)));
    source.addEventListener('journal', ({ data }) => this.#gather(JSON.parse(data)));
    source.addEventListener('error', () => this.#lose());
    this.#watchSilence();
  }

  #heard(): void {
    this.#tell({ type: 'link', link: { status: 'live' } });
    this.#lostSince = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    this.#watchSilence();
  }

  #takeState(state: StateView): void {
    if (this.#instance !== undefined && this.#instance !== state.plugin.instance) {
      this.#sequence = 0;
      this.#gathered = [];
      this.#tell({ type: 'restarted' });
      this.#instance = undefined;
      if (this.#source !== undefined) {
        this.#lose();
        return;
      }
    }
    this.#instance = state.plugin.instance;
    this.#tell({ type: 'state', state });
    this.#watchSilence();
  }

  #takeRecords(records: readonly JournalRecord[]): void {
    this.#sequence = records.at(-1)?.sequence ?? this.#sequence;
    this.#tell({ type: 'records', records });
  }

  #gather(record: JournalRecord): void {
    if (this.#gathered.push(record) > 1) return;
    setTimeout(() => {
      this.#takeRecords(this.#gathered.splice(0));
      this.#watchSilence();
    }, GATHER_MS);
  }

  #watchSilence(): void {
    clearTimeout(this.#silence);
    const source = this.#source;
    this.#silence = setTimeout(() => {
      ask<StateView>(API.state).then(
        (state) => this.#takeState(state),
        () => {
          // Unless the connection was noticed to be gone meanwhile.
          if (this.#source === source) this.#lose();
        },
      );
    }, SILENCE_MS);
  }

  #lose(): void {
    if (this.#signal.aborted || this.#retry !== undefined) return;
    this.#disconnect();
    this.#lostSince ??= Date.now();
    this.#tell({ type: 'link', link: { status: 'lost', since: this.#lostSince } });
    this.#retry = setTimeout(() => this.connect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #disconnect(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }
}

async function ask<T>(path: string): Promise<T> {
  const answer = await fetch(urlOf(path), { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}`);
  return answer.json();
}

/** Relative to the page, so that it also works below a path, such as behind `kubectl proxy`. */
function urlOf(path: string): string {
  return new URL(`.${path}`, document.baseURI).href;
}
