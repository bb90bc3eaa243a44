import assert from 'node:assert/strict';
import { allBut, LAST } from './cpus.ts';
import type { Host } from './host.ts';
import { annotated, type Container, shared } from './pods.ts';
import { until } from './until.ts';

export interface Streamed {
  readonly container: Container;
  readonly wanted: string;
  /** Where it was when it had just been started. */
  readonly first: string;
}

/** Runs pods one after the other, of two kinds in turn, while `act` goes on. @returns all of them; rejects if one is refused */
export async function stream(host: Host, act: () => Promise<void>): Promise<readonly Streamed[]> {
  const pods: Streamed[] = [];
  let goesOn = true;
  const acting = act().finally(() => {
    goesOn = false;
  });
  // What it rejects with is for whoever awaits it below.
  acting.catch(() => {});
  while (goesOn) {
    const isPinned = pods.length % 2 === 0;
    const container = await host.run(isPinned ? annotated(`${LAST}`) : shared());
    const wanted = isPinned ? `${LAST}` : allBut(LAST);
    pods.push({ container, wanted, first: await container.cpus() });
  }
  await acting;
  return pods;
}

/** Waits until each is on the CPUs that it is entitled to. */
export async function assertPlaced(pods: readonly Streamed[]): Promise<void> {
  for (const { container, wanted } of pods) {
    await until(`a container is on CPUs ${wanted}`, async () => (await container.cpus()) === wanted);
  }
}

/** All were on their CPUs from the first moment. */
export function assertPlacedAtOnce(pods: readonly Streamed[]): void {
  assert.deepEqual(
    pods.map(({ first }) => first),
    pods.map(({ wanted }) => wanted),
  );
}
