import { JOURNAL_RECORDS, type JournalRecord } from '../../journal.ts';
import type { StateView } from '../api.ts';
import { assignMarks } from './marks.ts';

/** How the page stands with the daemon. */
export type Link =
  | { readonly status: 'connecting' }
  | { readonly status: 'live' }
  /** Since then (wall clock, milliseconds); it is tried again. */
  | { readonly status: 'lost'; readonly since: number };

/** All that the page shows. */
export interface Model {
  readonly link: Link;
  readonly state: StateView | undefined;
  /** Oldest first. */
  readonly records: readonly JournalRecord[];
  /** Numbers of the containers that own CPUs, see `markOf`. */
  readonly marks: ReadonlyMap<string, number>;
}

export type Message =
  | { readonly type: 'link'; readonly link: Link }
  | { readonly type: 'state'; readonly state: StateView }
  | { readonly type: 'records'; readonly records: readonly JournalRecord[] }
  /** Another process answers than before: its journal is another. */
  | { readonly type: 'restarted' };

export const EMPTY_MODEL: Model = {
  link: { status: 'connecting' },
  state: undefined,
  records: [],
  marks: new Map(),
};

/** What the page shows after a message. */
export function reduce(model: Model, message: Message): Model {
  switch (message.type) {
    case 'link':
      return { ...model, link: message.link };
    case 'state':
      return withState(model, message.state);
    case 'records': {
      const last = model.records.at(-1)?.sequence ?? 0;
      const fresh = message.records.filter(({ sequence }) => sequence > last);
      return fresh.length === 0
        ? model
        : { ...model, records: [...model.records, ...fresh].slice(-JOURNAL_RECORDS) };
    }
    case 'restarted':
      return { ...model, records: [] };
  }
}

function withState(model: Model, state: StateView): Model {
  const known = model.state?.topology;
  // The map is laid out anew for a new topology only, so the same one must be the same object.
  const isSame = known !== undefined && JSON.stringify(known) === JSON.stringify(state.topology);
  const owners = state.containers.filter(({ cpus }) => cpus !== '').map(({ id }) => id);
  return {
    ...model,
    state: isSame ? { ...state, topology: known } : state,
    marks: assignMarks(model.marks, owners),
  };
}

/** The records that tell of a container, as their subject or among their moves. */
export function recordsOf(records: readonly JournalRecord[], id: string): readonly JournalRecord[] {
  return records.filter(
    (record) => record.containerId === id || record.moves?.some((move) => move.id === id) === true,
  );
}
