import { CpuListError, parseCpuList } from '../../placement/cpulist.ts';
import { Cpuset } from '../../placement/cpuset.ts';
import type { ContainerSpec, QosClass } from './kubelet.ts';

/**
 * What a container is entitled to, derived from the pod alone. The embedded runtime derives it on its own, by other
 * means than the plugin does (requests and limits, not shares and quota), so that one mistake is not made twice.
 */
export type Claim =
  | { readonly kind: 'annotated'; readonly cpus: Cpuset }
  | { readonly kind: 'integer'; readonly count: number; readonly forbidden: Cpuset }
  | { readonly kind: 'shared'; readonly forbidden: Cpuset };

/** Ids above this are no CPUs of any simulated host. */
export const MAX_CPU_ID = 8191;

/**
 * Classifies a container (docs/placement.md, "Three kinds of workload"). An unreadable CPU list to pin to is the empty set: a
 * claim that no cpuset can meet, for such a container must be refused.
 */
export function claimOf(
  annotations: Readonly<Record<string, string>>,
  qos: QosClass,
  spec: ContainerSpec,
  domain: string,
): Claim {
  const annotation = (key: string) =>
    annotations[`${domain}/${key}.${spec.name}`] ?? annotations[`${domain}/${key}`];
  const pinned = annotation('cores-ids');
  if (pinned !== undefined) return { kind: 'annotated', cpus: listOrEmpty(pinned) };
  const forbidden = listOrEmpty(annotations[`${domain}/forbid-core-ids`] ?? '', { ignoreAboveMax: true });
  const count = spec.cpus?.limit ?? 0;
  const exclusive =
    qos === 'guaranteed' && count >= 1 && Number.isInteger(count) && annotation('exclusive') !== 'false';
  return exclusive ? { kind: 'integer', count, forbidden } : { kind: 'shared', forbidden };
}

/** Whether a container with this claim, running on `cpus`, has what it is entitled to (shared ones always do). */
export function isMet(claim: Claim, cpus: Cpuset): boolean {
  if (claim.kind === 'annotated') return cpus.equals(claim.cpus);
  return claim.kind === 'shared' || cpus.size === claim.count;
}

function listOrEmpty(text: string, options?: { readonly ignoreAboveMax: boolean }): Cpuset {
  try {
    return parseCpuList(text, { max: MAX_CPU_ID, allowEmpty: true, ...options });
  } catch (error) {
    if (error instanceof CpuListError) return Cpuset.EMPTY;
    throw error;
  }
}
