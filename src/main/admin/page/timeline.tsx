import { useState } from 'preact/hooks';
import type { JournalRecord } from '../../journal.ts';
import { counted } from './cpu-text.ts';
import { clock } from './times.ts';

/** Entries that are shown at first, and that each request for more adds. */
const PAGE = 50;

/** Decisions that changed nothing and told nobody anything. */
const QUIET = new Set(['kept']);

const SIGNS: Readonly<Record<string, string>> = {
  placed: '+',
  released: '−',
  refused: '!',
  resized: '↔',
  adopted: '→',
  synchronized: '⟳',
};

/** The decisions of the journal, newest first. */
export function Timeline({ records }: { records: readonly JournalRecord[] }) {
  const [limit, setLimit] = useState(PAGE);
  const [isQuietShown, setQuietShown] = useState(false);
  const shown = isQuietShown ? records : records.filter(({ outcome }) => !QUIET.has(outcome));
  const newest = shown.at(-1);
  return (
    <section class="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">
        Timeline <small>{counted(shown.length, 'decision')}</small>
        <label class="option">
          <input
            type="checkbox"
            checked={isQuietShown}
            onChange={(event) => setQuietShown(event.currentTarget.checked)}
          />
          also those that changed nothing
        </label>
      </h2>
      {newest !== undefined && (
        <p class="unseen" role="status">
          {newest.container ?? newest.event}: {newest.outcome}
        </p>
      )}
      <Entries records={shown.slice(-limit)} />
      {shown.length === 0 && <p class="hint">Nothing decided yet.</p>}
      {shown.length > limit && (
        <button type="button" class="more" onClick={() => setLimit(limit + PAGE)}>
          Show older ones
        </button>
      )}
    </section>
  );
}

/** Journal records as a list, newest first. */
export function Entries({ records }: { records: readonly JournalRecord[] }) {
  return (
    <ol class="entries">
      {[...records].reverse().map((record) => (
        <li key={record.sequence} class={record.outcome}>
          <time dateTime={new Date(record.time).toISOString()}>{clock(record.time)}</time>
          <span class="sign" aria-hidden="true">
            {SIGNS[record.outcome] ?? '·'}
          </span>
          <div>
            <p>
              <b>{record.outcome}</b> {record.container ?? record.event}
              {record.kind !== undefined && <span class="faint"> {record.kind}</span>}
              {record.cpus !== undefined && record.cpus !== '' && (
                <>
                  {' '}
                  on <code>{record.cpus}</code>
                </>
              )}
            </p>
            {record.moves?.map((move) => (
              <p key={move.id} class="move">
                moved {move.container} from <code>{move.from}</code> to <code>{move.to}</code>
              </p>
            ))}
            {record.warnings?.map((warning) => (
              <p key={warning} class="warning">
                {warning}
              </p>
            ))}
            <p class="faint">
              {record.reason !== undefined && `${record.reason} · `}
              {record.event} <code>{record.operation}</code>
              {record.code !== undefined && `, ${record.code}`}
              {(record.updates ?? 0) > 0 && `, ${counted(record.updates ?? 0, 'container')} told`}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
