import type { Cpuset } from '../../placement/cpuset.ts';
import { nameOf } from './entry.ts';
import type { Draft } from './state.ts';

/** Stable names of the reasons for which a placement is refused; they are label values of a metric. */
export type RefusalCode =
  | 'bad-annotation'
  | 'cpu-not-online'
  | 'cpu-protected'
  | 'namespace-may-not-pin'
  | 'not-enough-cpus'
  | 'pool-too-small'
  | 'shared-container-starved'
  | 'cannot-reassign'
  | 'pool-empty';

/** A placement that cannot be: the message says what was asked, what is missing and who holds it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

const MAX_HOLDERS_NAMED = 5;

/** Who owns any of `cpus`, for a message: `held by db/pg/main 0-3 (annotated), … and 2 more`. */
export function heldBy(draft: Draft, cpus: Cpuset): string {
  const owners = draft.filter((entry) => entry.cpus.intersects(cpus));
  const named = owners
    .slice(0, MAX_HOLDERS_NAMED)
    .map((entry) => `${nameOf(entry)} ${entry.cpus.intersect(cpus)} (${entry.workload.kind})`);
  const more = owners.length - named.length;
  return `held by ${named.join(', ') || 'nobody'}${more > 0 ? ` and ${more} more` : ''}`;
}
