import type { Logger } from 'pino';
import type {
  ConfigureRequest,
  ConfigureResponse,
  Container,
  CreateContainerRequest,
  CreateContainerResponse,
  Empty,
  PodSandbox,
  RemoveContainerRequest,
  StopContainerRequest,
  StopContainerResponse,
  StopPodSandboxRequest,
  SynchronizeRequest,
  SynchronizeResponse,
  UpdateContainerRequest,
  UpdateContainerResponse,
} from '../../protocol/generated/nri.js';
import { ContainerState, Event, eventMask, type PluginHandlers } from '../../protocol/nri.ts';
import type { PartialMessage } from '../../protocol/protobuf.ts';
import { DeadlineError, type Mailbox } from '../actor.ts';
import type { ContainerUpdate, CreateAnswer, Ledger, TurnTime } from '../ledger/ledger.ts';
import { Refusal } from '../ledger/refusal.ts';
import {
  adjustmentMessage,
  containerFacts,
  containerResources,
  podFacts,
  updateMessages,
} from './messages.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from './request-timeout.ts';
import { isAtLeast, type NriVersion, runtimeNriVersion } from './runtime-version.ts';

/** What a session needs of the daemon; it outlives connections. */
export interface SessionOptions {
  /**
   * Applies the configuration string of the runtime.
   *
   * @throws ConfigError when the string is no valid configuration
   */
  readonly configure: (text: string, runtime: RuntimeFacts) => Promise<unknown>;
  /**
   * The ledger, for turns: the first one waits in the mailbox until it is there. Without one, events are answered with
   * nothing: somebody else decides.
   *
   * @throws Error when nothing can be decided any more, which is the answer then
   */
  readonly ledger: () => Ledger | undefined;
  /** Called with each list of all that the runtime has, while it does nothing else. */
  readonly beforeSynchronize?: () => Promise<void> | undefined;
  /** Whether the events come on another connection, so that what a list leaves out is not gone but still being created. */
  readonly keepsUnlisted?: boolean;
  /** What to ask the runtime for; the events that matter to the ledger if left out. */
  readonly events?: number;
  readonly mailbox: Mailbox;
  readonly log: Promise<Logger>;
  /** Decide and log everything, but answer without changing anything. */
  readonly dryRun: boolean;
  /** A steady clock in milliseconds. */
  readonly now: () => number;
  /** Called with the updates that an answer carries, for each event that has some or could have. */
  readonly onAnswer?: (updates: readonly ContainerUpdate[]) => void;
  /** Called when an event is answered, with the milliseconds since it was there. */
  readonly onEvent?: (event: EventName, outcome: EventOutcome, ms: number) => void;
}

export type EventName = 'configure' | 'synchronize' | 'create' | 'update' | 'stop' | 'remove' | 'stop-pod';

/** How an event was answered; `late`: the answer could not wait for the decision; `failed`: a fault of ours. */
export type EventOutcome = 'answered' | 'refused' | 'late' | 'failed';

/** What the runtime at the other end is. */
export interface RuntimeFacts {
  readonly name: string;
  readonly version: string;
  /** Undefined where it cannot be known: to be taken as old. */
  readonly nri: NriVersion | undefined;
  /** Milliseconds that a call may take. */
  readonly requestTimeout: number;
}

/** Events that change who needs which CPUs. Every further one would cost each container a round trip. */
const EVENTS = eventMask(
  Event.STOP_POD_SANDBOX,
  Event.CREATE_CONTAINER,
  Event.UPDATE_CONTAINER,
  Event.STOP_CONTAINER,
  Event.REMOVE_CONTAINER,
);

/** The part of the request timeout after which an event is answered with an error, so that it is never answered late. */
const DEADLINE_SHARE = 0.75;

/** One connection's conversation with the runtime: turns each event into a turn of the ledger, and its result into the answer. */
export class Session implements PluginHandlers {
  readonly #options: SessionOptions;
  #isConfigured = false;
  #requestTimeout = DEFAULT_REQUEST_TIMEOUT_MS;
  #nriVersion: NriVersion | undefined;
  #listedPods: PodSandbox[] = [];
  #listedContainers: Container[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async configure(request: ConfigureRequest): Promise<PartialMessage<ConfigureResponse>> {
    const { now, onEvent } = this.#options;
    const start = now();
    return onceSettled(this.#configure(request), (error) =>
      onEvent?.('configure', outcomeOf(error), now() - start),
    );
  }

  async #configure(request: ConfigureRequest): Promise<PartialMessage<ConfigureResponse>> {
    const { runtimeName, runtimeVersion, config } = request;
    if (request.requestTimeout > 0) this.#requestTimeout = request.requestTimeout;
    this.#nriVersion = runtimeNriVersion(runtimeName, runtimeVersion, request.NRIVersion);
    const runtime: RuntimeFacts = {
      name: runtimeName,
      version: runtimeVersion,
      nri: this.#nriVersion,
      requestTimeout: this.#requestTimeout,
    };
    await this.#options.configure(config, runtime);
    this.#isConfigured = true;
    (await this.#options.log).info({ runtime }, 'configured by the runtime');
    return { events: this.#options.events ?? EVENTS };
  }

  /** The runtime lists everything it has, in one or several messages; the last one is answered with the updates. */
  synchronize(request: SynchronizeRequest): Answer<SynchronizeResponse> {
    this.#listedPods.push(...request.pods);
    this.#listedContainers.push(...request.containers);
    if (request.more) return { update: [], more: true };
    const pods = new Map(this.#listedPods.map((pod) => [pod.id, pod]));
    const seen = this.#listedContainers
      .filter((container) => container.state !== ContainerState.STOPPED)
      .map((container) => ({
        pod: podFacts(pods.get(container.podSandboxId) ?? null),
        container: containerFacts(container, 0),
      }));
    this.#listedPods = [];
    this.#listedContainers = [];
    return this.#turn(
      'synchronize',
      (ledger) => {
        const updates = ledger.synchronize(seen, this.#options.keepsUnlisted);
        return { more: false, update: this.#messages(updates) };
      },
      { before: this.#options.beforeSynchronize },
    );
  }

  createContainer({ pod, container }: CreateContainerRequest): Answer<CreateContainerResponse> {
    if (container === null) return {};
    const message = (answer: CreateAnswer): PartialMessage<CreateContainerResponse> => {
      const update = this.#messages(answer.updates);
      return this.#options.dryRun
        ? {}
        : { adjust: adjustmentMessage(answer, this.#takesMemoryPolicy), update };
    };
    return this.#turn('create', (ledger, time) => {
      try {
        const answer = ledger.create(podFacts(pod), containerFacts(container, Date.now() * 1e6), time);
        if (!(answer instanceof Promise)) return message(answer);
        return answer.then(message).catch((error) => this.#refused(error));
      } catch (error) {
        return this.#refused(error);
      }
    });
  }

  updateContainer({
    pod,
    container,
    linuxResources,
  }: UpdateContainerRequest): Answer<UpdateContainerResponse> {
    // One that has ended may have left the ledger, and is not to own CPUs again.
    if (container === null || container.state === ContainerState.STOPPED) return {};
    return this.#turn('update', (ledger) => {
      try {
        const requested = containerResources(linuxResources);
        return {
          update: this.#messages(ledger.update(podFacts(pod), containerFacts(container, 0), requested)),
        };
      } catch (error) {
        return this.#refused(error);
      }
    });
  }

  stopContainer({ container }: StopContainerRequest): Answer<StopContainerResponse> {
    if (container === null) return {};
    return this.#turn(
      'stop',
      (ledger) => ({ update: this.#messages(ledger.stop(container.id)) }),
      // The CPUs are free whether or not there is time to tell others of it.
      { late: (ledger) => ledger.remove(container.id) },
    );
  }

  removeContainer({ container }: RemoveContainerRequest): Answer<Empty> {
    if (container === null) return {};
    const remove = (ledger: Ledger): Empty => {
      ledger.remove(container.id);
      return {};
    };
    return this.#turn('remove', remove, { late: remove });
  }

  stopPodSandbox({ pod }: StopPodSandboxRequest): Answer<Empty> {
    if (pod === null) return {};
    const remove = (ledger: Ledger): Empty => {
      ledger.removePod(pod);
      return {};
    };
    return this.#turn('stop-pod', remove, { late: remove });
  }

  shutdown(): Empty {
    return {};
  }

  get #takesMemoryPolicy(): boolean {
    return isAtLeast(this.#nriVersion, 0, 12, 0);
  }

  #messages(updates: readonly ContainerUpdate[]) {
    this.#options.onAnswer?.(updates);
    return this.#options.dryRun ? [] : updateMessages(updates);
  }

  /** A refusal is the answer, except in a dry run, which only logs it. */
  #refused(error: unknown): Nothing {
    if (error instanceof Refusal && this.#options.dryRun) return {};
    throw error;
  }

  /**
   * Runs a turn of the ledger, at once if no other is under way, and answers with an error when it can't be in time.
   *
   * @param before what the turn waits for, in the event's time
   * @param late what still has to be done when the turn's time comes after the answer is due; without it the event is refused
   */
  #turn<T extends object>(
    event: EventName,
    decide: (ledger: Ledger, time: TurnTime) => T | Nothing | Promise<T | Nothing>,
    { before, late }: TurnSurroundings = {},
  ): T | Nothing | Promise<T | Nothing> {
    const { mailbox, now, dryRun } = this.#options;
    if (!this.#isConfigured) throw new Error('the runtime sent an event before Configure');
    const requestTimeout = this.#requestTimeout;
    const ms = requestTimeout * DEADLINE_SHARE;
    const start = now();
    let isGivenUp = false;
    const isOver = (): boolean => isGivenUp || now() > start + ms;
    // Most turns are over when this returns, and have no need of promises and timers.
    try {
      const run = (): T | Nothing | Promise<T | Nothing> =>
        mailbox.run((): T | Nothing | Promise<T | Nothing> => {
          const ledger = this.#options.ledger();
          if (ledger === undefined) return {};
          if (!isOver()) return decide(ledger, { requestTimeout, isOver });
          if (late === undefined) throw new DeadlineError('no time was left for this event');
          late(ledger);
          return {};
        });
      const answer = before?.()?.then(run) ?? run();
      if (!(answer instanceof Promise)) {
        this.#report(event, start, 'answered', undefined);
        return answer;
      }
      const inTimeOrNot = inTime(answer, ms, () => {
        isGivenUp = true;
        if (late !== undefined) return {};
        throw new DeadlineError(`not decided within ${Math.round(ms)} ms, nothing was changed`);
      });
      const reported = onceSettled(inTimeOrNot, (error) =>
        this.#report(event, start, isGivenUp ? 'late' : outcomeOf(error), error),
      );
      return dryRun ? reported.catch(() => ({})) : reported;
    } catch (error) {
      this.#report(event, start, outcomeOf(error), error);
      // An error is an answer that changes something: it fails what the event is about.
      if (dryRun) return {};
      throw error;
    }
  }

  /** Tells what became of an event. What the ledger decided is in the log already. */
  #report(event: EventName, start: number, outcome: EventOutcome, error: unknown): void {
    const { now, onEvent, log } = this.#options;
    const ms = now() - start;
    onEvent?.(event, outcome, ms);
    if (outcome === 'late') {
      void log.then((logger) => logger.warn({ event, ms }, `${event} was not decided in time`));
    } else if (outcome === 'failed') {
      void log.then((logger) => logger.error({ event, ms, err: error }, `${event} failed`));
    }
  }
}

interface TurnSurroundings {
  readonly before?: SessionOptions['beforeSynchronize'];
  readonly late?: (ledger: Ledger) => void;
}

type Answer<T> = PartialMessage<T> | Promise<PartialMessage<T>>;
/** A message with no field set. */
type Nothing = Record<string, never>;

/** Settles as `answer` does, or after `ms` as `giveUp` does. */
async function inTime<T>(answer: Promise<T>, ms: number, giveUp: () => Nothing): Promise<T | Nothing> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([answer, timeout.then(giveUp)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `tell` when there is a result, or with the error when there is none. */
async function onceSettled<T>(result: Promise<T>, tell: (error?: unknown) => void): Promise<T> {
  try {
    await result;
  } catch (error) {
    tell(error);
    throw error;
  }
  tell();
  return result;
}

function outcomeOf(error: unknown): EventOutcome {
  if (error === undefined) return 'answered';
  if (error instanceof Refusal) return 'refused';
  return error instanceof DeadlineError ? 'late' : 'failed';
}
