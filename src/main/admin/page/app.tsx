import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import type { StateView } from '../api.ts';
import { Containers } from './containers.tsx';
import { factsOf } from './cpus.ts';
import { Details } from './details.tsx';
import { Figures } from './figures.tsx';
import { Header, Notices } from './header.tsx';
import { HostMap } from './host-map.tsx';
import { Latency } from './latency.tsx';
import { follow } from './live.ts';
import { EMPTY_MODEL, type Model, reduce } from './model.ts';
import { Timeline } from './timeline.tsx';

/** The page: what the daemon tells, and which container is selected. */
export function App() {
  const [model, tell] = useReducer(reduce, EMPTY_MODEL);
  useEffect(() => follow(tell), []);
  const { link, state } = model;
  return (
    <>
      <Header state={state} link={link} />
      <main>
        <Notices state={state} link={link} />
        {state === undefined ? (
          <p class="hint">Waiting for the daemon.</p>
        ) : (
          <Board model={model} state={state} />
        )}
      </main>
    </>
  );
}

function Board({ model, state }: { model: Model; state: StateView }) {
  const { records, marks } = model;
  const [selected, setSelected] = useState<string | undefined>();
  const facts = useMemo(() => factsOf(state), [state]);
  const container = state.containers.find(({ id }) => id === selected);
  return (
    <>
      <Figures state={state} records={records} />
      <div class="board">
        <div class="column">
          <HostMap
            state={state}
            facts={facts}
            marks={marks}
            selected={container?.id}
            onSelect={setSelected}
          />
          <Timeline records={records} />
        </div>
        <div class="column side">
          <Containers
            containers={state.containers}
            marks={marks}
            selected={container?.id}
            onSelect={setSelected}
          />
          {container !== undefined && (
            <Details
              container={container}
              topology={state.topology}
              mark={marks.get(container.id)}
              records={records}
              onClose={() => {
                focusSelected();
                setSelected(undefined);
              }}
            />
          )}
          <Latency events={state.events} />
        </div>
      </div>
    </>
  );
}

/** So that the keyboard is not left on a button that goes away. */
function focusSelected(): void {
  const row = document.querySelector<HTMLElement>('.containers [aria-pressed="true"]');
  (row ?? document.querySelector<HTMLElement>('.filter input'))?.focus();
}
