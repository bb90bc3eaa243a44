import type { Afterwards } from '../afterwards.ts';
import type { Journal, JournalRecord } from '../journal.ts';
import { nameOf } from './entry.ts';
import { Refusal } from './refusal.ts';
import type { Seen } from './synchronize.ts';

/** What a turn says of itself in the journal. */
export type Details = Partial<Omit<JournalRecord, 'sequence' | 'time' | 'operation' | 'event'>>;

/** What a turn answers, and says of itself in the journal. */
export interface Decided<T> {
  readonly answer: T;
  readonly details: Details;
}

export interface TurnLogOptions {
  readonly journal: Journal;
  /** Put before the number of an operation, so that operations of different processes differ. */
  readonly instance: string;
  /** Called with each decision once it is made. */
  readonly onDecision: (record: JournalRecord) => void;
  /** Where decisions are written down; at once if left out. */
  readonly afterwards?: Afterwards;
}

/** Numbers the turns, and writes what became of each to the journal. */
export class TurnLog {
  readonly #options: TurnLogOptions;
  #operations = 0;

  constructor(options: TurnLogOptions) {
    this.#options = options;
  }

  /** Starts a turn. @param seen the container that it is about */
  begin(event: string, seen: Seen | undefined): Turn {
    const { journal, instance, onDecision, afterwards } = this.#options;
    const number = ++this.#operations;
    const operation = () => `${instance}-${number}`;
    const name = () => (seen === undefined ? '' : nameOf(seen));
    const write = (details: Details): void => {
      const about = seen === undefined ? {} : { container: name(), containerId: seen.container.id };
      const head = { time: Date.now(), operation: operation(), event, ...about, outcome: 'done' };
      onDecision(journal.append({ ...head, ...details }));
    };
    const record = (details: Details): void => {
      if (afterwards === undefined) write(details);
      else afterwards.do(() => write(details));
    };
    return {
      end({ answer, details }) {
        record(details);
        return answer;
      },
      fail(error) {
        if (!(error instanceof Refusal)) throw error;
        record({ outcome: 'refused', code: error.code, reason: error.message });
        throw new Refusal(
          error.code,
          `weka-nri-cpuset refused to ${event} container ${name()}: ${error.message} [operation ${operation()}]`,
        );
      },
    };
  }
}

/** A turn under way, to be ended in one of two ways. */
export interface Turn {
  /** It has decided: returns the answer. */
  end<T>(decided: Decided<T>): T;
  /** It was given up: throws what is to be answered, a refusal with the operation that the journal knows it by. */
  fail(error: unknown): never;
}
