import type { Cpuset } from '../../placement/cpuset.ts';
import type { Claim } from './claim.ts';
import type { Container, Pod } from './host.ts';
import type { EventName } from './session.ts';
import type { Violation } from './watch.ts';

/** Everything a runtime and its plugin exchange updates in. */
export type Operation = EventName | 'Synchronize' | 'UpdateContainers';

/** One update of a container that a plugin asked for, and what became of it. */
export interface AppliedUpdate {
  readonly containerId: string;
  /** `namespace/pod/container`; the id if there is no such container. */
  readonly label: string;
  readonly kind: Claim['kind'] | undefined;
  /** The cpuset before and after; empty if not restricted. */
  readonly from: Cpuset;
  readonly to: Cpuset;
  /** `ignored`: the container is unknown or has exited. */
  readonly result: 'applied' | 'ignored' | 'failed';
  readonly error?: string;
}

/** One exchange with the plugin, as the runtime saw it. */
export interface RuntimeEvent {
  readonly operation: Operation;
  readonly pod: Pod | undefined;
  /** As the event left it. */
  readonly container: Container | undefined;
  /**
   * What the plugin did. `refused`: answered with an error. `late`: not answered in time, and disconnected for it. `lost`:
   * the connection broke. `absent`: no plugin, or one that has not subscribed. Without an answer the runtime goes on as if
   * there were no plugin.
   */
  readonly plugin: 'answered' | 'refused' | 'late' | 'lost' | 'absent';
  /** Whether the runtime did what it was asked for. */
  readonly ok: boolean;
  /** Why not, or what went wrong although it did. */
  readonly error: string | undefined;
  /** Milliseconds from writing the encoded request to the parsed answer. */
  readonly latencyMs: number;
  readonly updates: readonly AppliedUpdate[];
  /** Invariants that this event broke. */
  readonly violations: readonly Violation[];
}

/** `namespace/pod/container`, as a container is called in messages. */
export function labelOf(container: Container): string {
  return `${container.pod.namespace}/${container.pod.name}/${container.name}`;
}
