import { useState } from 'preact/hooks';
import type { StateView } from '../api.ts';
import { counted } from './cpu-text.ts';
import type { Link } from './model.ts';
import { applyTheme, keptTheme, THEMES } from './theme.ts';
import { clock } from './times.ts';

/** Who we are, how we stand with the daemon, and light or dark. */
export function Header({ state, link }: { state: StateView | undefined; link: Link }) {
  const [theme, setTheme] = useState(keptTheme);
  const choose = (name: string) => {
    const chosen = THEMES.find((one) => one === name) ?? 'auto';
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <header>
      <h1>
        {state?.plugin.name ?? 'weka-cpuset'} <small>{state?.plugin.version}</small>
      </h1>
      <Status state={state} link={link} />
      <label class="theme">
        Theme{' '}
        <select value={theme} onChange={(event) => choose(event.currentTarget.value)}>
          {THEMES.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
    </header>
  );
}

function Status({ state, link }: { state: StateView | undefined; link: Link }) {
  const [look, words] =
    link.status === 'connecting'
      ? ['wait', 'Connecting']
      : link.status === 'lost'
        ? ['bad', 'Connection lost']
        : state?.plugin.standby
          ? ['wait', 'On standby']
          : state?.health.ready
            ? ['good', 'Live, ready']
            : ['wait', 'Live, not ready'];
  return (
    <p class={`status ${look}`} role="status">
      {words}
      {state?.plugin.dryRun && ', dry run: nothing is applied'}
    </p>
  );
}

/** What the one who looks must know before all else; nothing when all is well. */
export function Notices({ state, link }: { state: StateView | undefined; link: Link }) {
  return (
    <div role="status">
      {link.status === 'lost' && (
        <p class="notice bad">
          <b>The daemon does not answer</b> since {clock(link.since)}.{' '}
          {state === undefined ? 'Nothing is known yet.' : `What you see is of ${clock(state.time)}.`} The
          page keeps trying.
        </p>
      )}
      {state?.plugin.standby && (
        <p class="notice">
          <b>On standby:</b> another instance on this node decides. This one takes over when that ends.
        </p>
      )}
      {state !== undefined && !state.health.ready && (
        <div class="notice">
          <b>Not ready:</b> {state.health.missing.join('; ') || 'no reason given'}
        </div>
      )}
      {state?.refusedSettings?.map((wrong) => (
        <p class="notice" key={wrong}>
          <b>Settings refused:</b> {wrong}; the settings before it stay in force
        </p>
      ))}
      {state !== undefined && state.notAsWanted > 0 && (
        <p class="notice">
          <b>{counted(state.notAsWanted, 'container')} not as wanted:</b> told otherwise, or found on other
          CPUs. It is being put right.
        </p>
      )}
    </div>
  );
}
