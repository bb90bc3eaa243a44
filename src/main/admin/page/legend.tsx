import { type CpuFact, type CpuUse, countUses, USE_WORDS } from './cpus.ts';

/** Always in the legend; the others when there are such CPUs. */
const ALWAYS: readonly CpuUse[] = ['pool', 'integer', 'annotated'];
const USES: readonly CpuUse[] = [...ALWAYS, 'isolated', 'idle', 'offline'];

/** What the cells of the map mean, and how many of them there are. */
export function Legend({ facts }: { facts: readonly (CpuFact | undefined)[] }) {
  const counts = countUses(facts);
  return (
    <ul class="legend">
      {USES.filter((use) => ALWAYS.includes(use) || counts[use] > 0).map((use) => (
        <li key={use}>
          <Sample use={use} />
          <span>{USE_WORDS[use]}</span> <b>{counts[use]}</b>
        </li>
      ))}
      {facts.some((fact) => (fact?.owners.length ?? 0) > 1) && (
        <li>
          <span class="cpu sample annotated" data-glyph="+" aria-hidden="true" />
          of several containers
        </li>
      )}
      {facts.some((fact) => fact?.withheld) && (
        <li>
          <span class="cpu sample pool withheld" aria-hidden="true" />
          withheld from integer containers
        </li>
      )}
    </ul>
  );
}

function Sample({ use }: { use: CpuUse }) {
  const owned = use === 'integer' || use === 'annotated';
  return (
    <span
      class={`cpu sample ${use} ${owned ? 'colour-0' : ''}`}
      data-glyph={owned ? 'A' : ''}
      aria-hidden="true"
    />
  );
}
