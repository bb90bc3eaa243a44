import { Cpuset } from '../../placement/cpuset.ts';
import { CallTimeoutError, TtrpcStatusError } from '../../protocol/errors.ts';
import type { ContainerUpdate, UpdateContainersRequest } from '../../protocol/generated/nri.js';
import { Mailbox } from '../actor.ts';
import { type AppliedUpdate, labelOf, type Operation, type RuntimeEvent } from './events.ts';
import { type Container, type Pod, ResourceError, type SimulatedHost } from './host.ts';
import type { Answer, Call, EventName, PluginSession } from './session.ts';
import { InvariantWatch, type Occupant, type Turn, type Violation } from './watch.ts';
import { resourceChange } from './wire.ts';

/** One event: whom to ask about what, and what to do then. */
export interface Exchange {
  readonly pod: Pod;
  readonly container?: Container;
  ask(session: PluginSession): Call;
  /**
   * Does what the event is about; returns the container as it is left. Without an answer from the plugin it gets an empty
   * one: the runtime goes on as if there were no plugin. `apply` applies updates of other containers.
   *
   * @throws ResourceError if it cannot be done
   */
  act(answer: Answer, apply: (updates: readonly ContainerUpdate[]) => void): Container | undefined;
}

/** Events that do not happen if the plugin answers with an error. */
const REFUSABLE: ReadonlySet<Operation> = new Set([
  'RunPodSandbox',
  'CreateContainer',
  'StartContainer',
  'UpdateContainer',
]);

/** Events that change who runs where. */
const PLACING: ReadonlySet<Operation> = new Set(['CreateContainer', 'UpdateContainer', 'StopContainer']);

const NO_ANSWER: Answer = { own: null, updates: [] };

type Consultation = Pick<RuntimeEvent, 'plugin' | 'error' | 'latencyMs'> & { readonly answer: Answer };

/**
 * Between the host and the plugin: lets one exchange happen at a time, as containerd does, applies what the plugin answers
 * and watches the invariants while doing so.
 */
export class Adaptation {
  readonly #host: SimulatedHost;
  readonly #watch = new InvariantWatch();
  /** The runtime's lock over all NRI calls. */
  readonly #lock = new Mailbox();
  readonly #onEvent: (event: RuntimeEvent) => void;
  readonly #onLoss: (reason: string) => void;
  #session: PluginSession | undefined;

  /** `onLoss` is told why a plugin was given up. */
  constructor(host: SimulatedHost, onEvent: (event: RuntimeEvent) => void, onLoss: (reason: string) => void) {
    this.#host = host;
    this.#onEvent = onEvent;
    this.#onLoss = onLoss;
  }

  get hasPlugin(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Configures and synchronizes a registered plugin, which then takes the place of the one before; but not one that wants no
   * events about containers, and so is only there to be synchronized.
   *
   * @param onListed called when the plugin has answered the whole list, before the answer is carried out
   */
  async attach(session: PluginSession, onListed: () => void): Promise<void> {
    return this.#lock.run(async () => {
      await session.configure();
      const isForEvents = session.wants('CreateContainer');
      if (isForEvents) this.detach();
      const ready = this.#host.pods.filter((pod) => pod.state === 'ready');
      const synchronize = session.synchronize(ready, this.#host.live);
      const started = process.hrtime.bigint();
      const updates = await synchronize();
      const latencyMs = millisecondsSince(started);
      onListed();
      if (isForEvents) {
        this.#session = session;
        session.closed.then((reason) =>
          this.#lose(session, reason?.message ?? 'the plugin closed the connection'),
        );
      }
      this.#watch.reset();
      this.#applyUnasked('Synchronize', updates, latencyMs);
    });
  }

  /** Ends the connection to the plugin, if there is one, without counting it as lost. */
  detach(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
  }

  /** Carries out an event. `prepare` is called when its turn has come, so that it sees the host as it is then. */
  async exchange(operation: EventName, prepare: () => Exchange): Promise<RuntimeEvent> {
    return this.#lock.run(async () => {
      const exchange = prepare();
      const { answer, ...consultation } = await this.#consult(operation, exchange);
      const updates: AppliedUpdate[] = [];
      const violations: Violation[] = [];
      const turn: Turn = {
        subject: consultation.plugin === 'answered' ? exchange.container?.id : undefined,
        synchronizing: false,
        online: this.#host.online,
      };
      const event = { operation, pod: exchange.pod, container: exchange.container, updates, violations };
      let failure = consultation.error;
      let ok = consultation.plugin !== 'refused' || !REFUSABLE.has(operation);
      let container = exchange.container;
      if (ok) {
        try {
          container = exchange.act(answer, (wanted) => this.#apply(wanted, turn, updates, violations));
        } catch (error) {
          if (!(error instanceof ResourceError)) throw error;
          failure = error.message;
          ok = false;
        }
      }
      if (consultation.plugin === 'answered' && PLACING.has(operation)) {
        const subject = ok ? turn.subject : undefined;
        violations.push(...this.#watch.settle(this.#occupants(), { ...turn, subject }));
      }
      return this.#publish({ ...event, ...consultation, container, ok, error: failure });
    });
  }

  /** Applies updates that the plugin asks for on its own. Rejects if some failed; the others stay applied. */
  async serveUpdates(request: UpdateContainersRequest): Promise<void> {
    return this.#lock.run(async () => {
      const event = this.#applyUnasked('UpdateContainers', request.update, 0);
      if (!event.ok) throw new Error(event.error);
    });
  }

  #applyUnasked(operation: Operation, wanted: readonly ContainerUpdate[], latencyMs: number): RuntimeEvent {
    const updates: AppliedUpdate[] = [];
    const violations: Violation[] = [];
    const turn: Turn = { synchronizing: operation === 'Synchronize', online: this.#host.online };
    this.#apply(wanted, turn, updates, violations);
    violations.push(...this.#watch.settle(this.#occupants(), turn));
    const failed = updates.some((update) => update.result === 'failed');
    return this.#publish({
      operation,
      pod: undefined,
      container: undefined,
      plugin: 'answered',
      ok: !failed,
      error: failed ? 'some containers could not be updated' : undefined,
      latencyMs,
      updates,
      violations,
    });
  }

  async #consult(operation: EventName, exchange: Exchange): Promise<Consultation> {
    const session = this.#session;
    if (!session?.wants(operation)) {
      return { answer: NO_ANSWER, plugin: 'absent', error: undefined, latencyMs: 0 };
    }
    const call = exchange.ask(session);
    const started = process.hrtime.bigint();
    try {
      const answer = await call();
      return { answer, plugin: 'answered', error: undefined, latencyMs: millisecondsSince(started) };
    } catch (reason) {
      const error = reason instanceof Error ? reason.message : String(reason);
      const latencyMs = millisecondsSince(started);
      if (reason instanceof TtrpcStatusError)
        return { answer: NO_ANSWER, plugin: 'refused', error, latencyMs };
      this.#lose(session, error);
      const plugin = reason instanceof CallTimeoutError ? 'late' : 'lost';
      return { answer: NO_ANSWER, plugin, error, latencyMs };
    }
  }

  /** Applies updates as containerd does: one after the other, and a failed one keeps none of the others from it. */
  #apply(
    wanted: readonly ContainerUpdate[],
    turn: Turn,
    updates: AppliedUpdate[],
    violations: Violation[],
  ): void {
    for (const update of wanted) {
      const applied = this.#applyOne(update);
      updates.push(applied);
      const changed = this.#host.container(update.containerId);
      if (applied.result === 'applied' && changed !== undefined && changed.claim.kind !== 'shared') {
        violations.push(...this.#watch.step(this.#occupant(changed), this.#occupants(), turn));
      }
    }
  }

  #applyOne(update: ContainerUpdate): AppliedUpdate {
    const { containerId } = update;
    const container = this.#host.container(containerId);
    const from = container?.resources.cpus ?? Cpuset.EMPTY;
    const described = (result: AppliedUpdate['result'], to = from): AppliedUpdate => ({
      containerId,
      label: container === undefined ? containerId : labelOf(container),
      kind: container?.claim.kind,
      from,
      to,
      result,
    });
    if (container === undefined || container.state === 'stopped') return described('ignored');
    try {
      const changed = this.#host.changed(container, resourceChange(update.linux?.resources));
      this.#host.put(changed);
      return described('applied', changed.resources.cpus);
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error;
      return { ...described('failed'), error: error.message };
    }
  }

  #occupants(): readonly Occupant[] {
    return this.#host.live.map((container) => this.#occupant(container));
  }

  #occupant(container: Container): Occupant {
    return {
      id: container.id,
      label: labelOf(container),
      claim: container.claim,
      given: container.resources.cpus,
      cpus: this.#host.effectiveCpus(container),
    };
  }

  #lose(session: PluginSession, reason: string): void {
    session.close();
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#onLoss(reason);
  }

  #publish(event: RuntimeEvent): RuntimeEvent {
    this.#onEvent(event);
    return event;
  }
}

function millisecondsSince(started: bigint): number {
  return Number(process.hrtime.bigint() - started) / 1e6;
}
