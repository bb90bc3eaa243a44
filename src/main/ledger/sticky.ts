import type { Cpuset } from '../../placement/cpuset.ts';
import type { Entry } from './entry.ts';

/** How long a container of the same name gets its CPUs back when its pod was made anew. */
const BY_NAME_MS = 10 * 60_000;
/** Pods remembered; the oldest are forgotten first, so that churn costs no memory. */
const MAX_REMEMBERED = 4096;

interface Remembered {
  readonly cpus: Cpuset;
  readonly at: number;
}

/**
 * Remembers which CPUs integer containers had, for those that come back (docs/placement.md, "Choosing exclusive CPUs"):
 * the same container of the same pod, the next container of a pod (init containers), or a pod of the same name made anew
 * within ten minutes.
 */
export class StickyCpus {
  readonly #remembered = new Map<string, Remembered>();

  /** Notes that an integer container left its CPUs. @param now milliseconds of a steady clock */
  remember(entry: Entry, now: number): void {
    const [container, pod, name] = keys(entry);
    for (const key of [container, pod, name]) {
      this.#remembered.delete(key);
      this.#remembered.set(key, { cpus: entry.cpus, at: now });
    }
    for (const key of this.#remembered.keys()) {
      if (this.#remembered.size <= 3 * MAX_REMEMBERED) break;
      this.#remembered.delete(key);
    }
  }

  /** The CPUs that the container had before, the strongest claim first. */
  recall(entry: Pick<Entry, 'pod' | 'container'>, now: number): readonly Cpuset[] {
    const [container, pod, name] = keys(entry);
    const byName = this.#remembered.get(name);
    return [
      this.#remembered.get(container),
      byName !== undefined && now - byName.at <= BY_NAME_MS ? byName : undefined,
      this.#remembered.get(pod),
    ].flatMap((found) => found?.cpus ?? []);
  }
}

function keys({ pod, container }: Pick<Entry, 'pod' | 'container'>): [string, string, string] {
  const uid = pod.uid || pod.id;
  return [`${uid}/${container.name}`, uid, `${pod.namespace}/${pod.name}/${container.name}`];
}
