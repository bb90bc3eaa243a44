import { parseCpuList } from '../../../placement/cpulist.ts';
import { Cpuset } from '../../../placement/cpuset.ts';

const MAX_CPU = 8191;
const CACHED = 4096;
const cache = new Map<string, Cpuset>();

/** The set that a CPU list of the API names. Lists come again with every state: they are parsed once, to the same object. */
export function cpusetOf(text: string | undefined): Cpuset {
  if (text === undefined || text === '') return Cpuset.EMPTY;
  let set = cache.get(text);
  if (set === undefined) {
    if (cache.size >= CACHED) cache.clear();
    set = parseCpuList(text, { max: MAX_CPU });
    cache.set(text, set);
  }
  return set;
}

/** `1 CPU`, `5 CPUs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
