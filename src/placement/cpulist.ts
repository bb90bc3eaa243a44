import { Cpuset, type Range } from './cpuset.ts';

/** Longest CPU list that is looked at, in bytes. Anything longer is refused unread (docs/placement.md, "CPU lists"). */
export const MAX_LIST_LENGTH = 64 * 1024;

/** A CPU list that is not one: says which item is wrong and quotes the value (shortened when long). */
export class CpuListError extends Error {
  override readonly name = 'CpuListError';
}

export interface CpuListOptions {
  /** Highest id the kernel can ever have (`/sys/devices/system/cpu/possible`); higher ids are an error. */
  readonly max: number;
  /** Whether a list without any id is accepted (a missing or blank value). Default false. */
  readonly allowEmpty?: boolean;
  /** Whether ids above `max` are skipped instead of being an error. Default false. */
  readonly ignoreAboveMax?: boolean;
}

/**
 * Parses a CPU list: decimal ids and `a-b` ranges separated by commas, blanks around items tolerated, in any order and
 * with duplicates (docs/placement.md, "CPU lists"). Costs no more than the text and `max` allow, whatever the text says.
 *
 * @throws CpuListError naming the offending item
 */
export function parseCpuList(text: string, options: CpuListOptions): Cpuset {
  if (text.length > MAX_LIST_LENGTH) {
    throw new CpuListError(
      `CPU list is ${text.length} characters long, at most ${MAX_LIST_LENGTH} are allowed: ${quote(text)}`,
    );
  }
  if (text.trim() === '') {
    if (options.allowEmpty) return Cpuset.EMPTY;
    throw new CpuListError(`CPU list is empty: ${quote(text)}`);
  }
  const ranges: Range[] = [];
  for (const item of text.split(',')) {
    const match = /^[ \t]*(\d+)(?:[ \t]*-[ \t]*(\d+))?[ \t]*$/.exec(item);
    if (match === null) {
      throw new CpuListError(
        `CPU list ${quote(text)} has an item that is no CPU id or range: ${quote(item)}`,
      );
    }
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first) throw new CpuListError(`CPU list ${quote(text)} has a reversed range: ${quote(item)}`);
    if (last > options.max && !options.ignoreAboveMax) {
      throw new CpuListError(
        `CPU list ${quote(text)} names a CPU above ${options.max}, the highest possible here: ${quote(item)}`,
      );
    }
    if (first <= options.max) ranges.push([first, Math.min(last, options.max)]);
  }
  return Cpuset.fromRanges(ranges);
}

function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(shown);
}
