import type { JournalRecord } from '../../journal.ts';
import type { StateView } from '../api.ts';
import { counted } from './cpu-text.ts';
import { clock } from './times.ts';

/** The node in a few numbers. */
export function Figures({ state, records }: { state: StateView; records: readonly JournalRecord[] }) {
  const { topology, runtime, containers, planner, reconcile } = state;
  const moves = records.reduce((sum, record) => sum + (record.moves?.length ?? 0), 0);
  const refused = records.filter(({ outcome }) => outcome === 'refused').length;
  const ofKind = (kind: string) => containers.filter((container) => container.kind === kind).length;
  return (
    <dl class="figures">
      <Figure
        name="Host"
        value={counted(topology.cores.length, 'core')}
        more={[
          counted(topology.packages.length, 'package'),
          counted(topology.nodes.length, 'node'),
          counted(topology.llcs.length, 'LLC'),
        ].join(', ')}
      />
      <Figure
        name="Containers"
        value={`${containers.length}`}
        more={`${ofKind('integer')} integer, ${ofKind('annotated')} annotated, ${ofKind('shared')} shared`}
      />
      <Figure
        name="Moves"
        value={`${moves}`}
        more={planner === undefined ? 'in the journal' : `${counted(planner.calls, 'plan')} by workers`}
      />
      <Figure name="Refused" value={`${refused}`} more="in the journal" />
      <Figure
        name="Drift"
        value={`${reconcile.drifted}`}
        more={`${counted(reconcile.repairs, 'repair')}, ${counted(reconcile.reconnects, 'reconnect')}`}
      />
      <Figure
        name="Runtime"
        value={runtime === undefined ? 'none' : runtime.connected ? runtime.name : `${runtime.name}, gone`}
        more={
          runtime === undefined
            ? 'has not introduced itself'
            : [
                runtime.version,
                runtime.nri && `NRI ${runtime.nri}`,
                runtime.synchronizedAt !== undefined && `synchronized ${clock(runtime.synchronizedAt)}`,
              ]
                .filter(Boolean)
                .join(', ')
        }
      />
    </dl>
  );
}

function Figure({ name, value, more }: { name: string; value: string; more: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <small>{more}</small>
      </dd>
    </div>
  );
}
