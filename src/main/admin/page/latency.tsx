import type { EventView } from '../api.ts';
import { duration } from './times.ts';

/** How long the runtime waited for our answers. */
export function Latency({ events }: { events: readonly EventView[] }) {
  return (
    <section class="card" aria-labelledby="latency-title">
      <h2 id="latency-title">
        Latency <small>from request to answer</small>
      </h2>
      {events.length === 0 ? (
        <p class="hint">No event from the runtime yet.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col">Count</th>
              <th scope="col">Median</th>
              <th scope="col">99 %</th>
              <th scope="col">Longest</th>
            </tr>
          </thead>
          <tbody>
            {events.map(({ event, outcome, count, p50Us, p99Us, maxUs }) => (
              <tr key={`${event} ${outcome}`}>
                <th scope="row">
                  {event} {outcome !== 'answered' && <span class="faint">{outcome}</span>}
                </th>
                <td>{count}</td>
                <td>{duration(p50Us)}</td>
                <td>{duration(p99Us)}</td>
                <td>{duration(maxUs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
