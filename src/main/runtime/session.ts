import type { Socket } from 'node:net';
import { CallTimeoutError, ProtocolError, StatusCode, TtrpcStatusError } from '../../protocol/errors.ts';
import type {
  ContainerUpdate,
  LinuxResources,
  RegisterPluginRequest,
  UpdateContainersRequest,
} from '../../protocol/generated/nri.js';
import {
  ContainerRequest,
  CreateContainerRequest,
  CreateContainerResponse,
  StateChangeEvent,
  StateChangeSubject,
  StopContainerResponse,
  SynchronizeResponse,
  UpdateContainerRequest,
  UpdateContainerResponse,
} from '../../protocol/generated/nri.js';
import { Event, RuntimeConnection } from '../../protocol/nri.ts';
import { decode, encode, type MessageType } from '../../protocol/protobuf.ts';
import type { Container, Pod } from './host.ts';
import type { RequestedResources } from './kubelet.ts';
import { listedContainer, listedPod } from './listing.ts';
import { synchronizeChunks } from './synchronize-chunks.ts';
import { nriContainer, nriPod, nriResources } from './wire.ts';

/** How a runtime talks to its plugin. */
export interface SessionOptions {
  /** `methods`: each event calls the method of its name. `state-change`: as runtimes with NRI before 0.12 do. */
  readonly delivery: 'methods' | 'state-change';
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** Told in Configure; empty as by runtimes with NRI before 0.11. */
  readonly nriVersion: string;
  /** Content of the plugin's configuration file on the runtime's side. */
  readonly configuration: string;
  readonly registrationTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Most bytes of pods and containers in one Synchronize message. */
  readonly maxSynchronizeBytes: number;
}

/** Events of pods and containers, by the names of their methods. */
const EVENTS = {
  RunPodSandbox: Event.RUN_POD_SANDBOX,
  StopPodSandbox: Event.STOP_POD_SANDBOX,
  RemovePodSandbox: Event.REMOVE_POD_SANDBOX,
  CreateContainer: Event.CREATE_CONTAINER,
  PostCreateContainer: Event.POST_CREATE_CONTAINER,
  StartContainer: Event.START_CONTAINER,
  PostStartContainer: Event.POST_START_CONTAINER,
  UpdateContainer: Event.UPDATE_CONTAINER,
  PostUpdateContainer: Event.POST_UPDATE_CONTAINER,
  StopContainer: Event.STOP_CONTAINER,
  RemoveContainer: Event.REMOVE_CONTAINER,
} as const;

export type EventName = keyof typeof EVENTS;

/** Events whose answers are empty. */
export type Notification = Exclude<EventName, 'CreateContainer' | 'UpdateContainer' | 'StopContainer'>;

/** What the plugin wants to be done. */
export interface Answer {
  /** Resources of the container that the event is about. */
  readonly own: LinuxResources | null;
  /** Changes of other containers, to be applied in this order. */
  readonly updates: readonly ContainerUpdate[];
}

/**
 * A call that is ready to be sent: its request is encoded already, so that the time until its answer is the plugin's and not
 * the runtime's own. Rejects as `RuntimeConnection.call` does.
 */
export type Call = () => Promise<Answer>;

const NOTHING: Answer = { own: null, updates: [] };

/** Highest event number each generation of runtimes knows; a mask with others is refused. */
const KNOWN_EVENTS = { 'state-change': 11, methods: 14 } as const;

/** One plugin's connection, from RegisterPlugin to its end. */
export class PluginSession {
  /** As `RuntimeConnection.closed`. */
  readonly closed: Promise<Error | undefined>;
  readonly #connection: RuntimeConnection;
  readonly #options: SessionOptions;
  readonly #registered: Promise<RegisterPluginRequest>;
  #mask = 0;

  /** `serveUpdates` answers unsolicited updates: it rejects if some failed. */
  constructor(
    socket: Socket,
    options: SessionOptions,
    serveUpdates: (request: UpdateContainersRequest) => Promise<void>,
  ) {
    this.#options = options;
    let settle: (request: RegisterPluginRequest) => void;
    this.#registered = new Promise((resolve) => {
      settle = resolve;
    });
    this.#connection = new RuntimeConnection(socket, {
      registerPlugin: (request) => {
        if (request.pluginName === '' || !/^\d\d$/.test(request.pluginIdx)) {
          const identity = `${request.pluginIdx}-${request.pluginName}`;
          throw new TtrpcStatusError(
            StatusCode.INVALID_ARGUMENT,
            `not a plugin's index and name: ${identity}`,
          );
        }
        settle(request);
        return {};
      },
      // containerd never says which of them failed.
      updateContainers: (request) => serveUpdates(request).then(() => ({ failed: [] })),
    });
    this.closed = this.#connection.closed;
  }

  /** Waits for RegisterPlugin. Rejects with CallTimeoutError or when the connection ends first. */
  async register(): Promise<void> {
    const { registrationTimeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new CallTimeoutError(`the plugin did not register within ${registrationTimeoutMs} ms`);
      timer = setTimeout(() => reject(error), registrationTimeoutMs);
    });
    const gone = this.closed.then((reason) => {
      throw reason ?? new ProtocolError('the plugin closed the connection before it registered');
    });
    try {
      await Promise.race([this.#registered, late, gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls Configure and keeps the plugin's subscription. Rejects with ProtocolError for one with unknown events. */
  async configure(): Promise<void> {
    const options = this.#options;
    const { events } = await this.#connection.configure(
      {
        config: options.configuration,
        runtimeName: options.runtimeName,
        runtimeVersion: options.runtimeVersion,
        registrationTimeout: options.registrationTimeoutMs,
        requestTimeout: options.requestTimeoutMs,
        NRIVersion: options.nriVersion,
      },
      options.requestTimeoutMs,
    );
    const known = (1 << KNOWN_EVENTS[options.delivery]) - 1;
    if ((events & ~known) !== 0) {
      throw new ProtocolError(
        `the plugin subscribes to events this runtime does not know: ${events.toString(2)}`,
      );
    }
    this.#mask = events === 0 ? known : events;
  }

  /**
   * A Synchronize that is ready to be sent, in as many messages as the list's size asks for; resolves to the updates in the
   * last answer. Rejects with ProtocolError if the plugin does not take the list in chunks as it should.
   */
  synchronize(
    pods: readonly Pod[],
    containers: readonly Container[],
  ): () => Promise<readonly ContainerUpdate[]> {
    const { maxSynchronizeBytes, requestTimeoutMs } = this.#options;
    const chunks = synchronizeChunks(
      pods.map(listedPod),
      containers.map(listedContainer),
      maxSynchronizeBytes,
    );
    return async () => {
      let updates: readonly ContainerUpdate[] = [];
      for (const { request, more } of chunks) {
        const response = await this.#connection.call('Synchronize', request, requestTimeoutMs);
        const answer = parse('Synchronize', SynchronizeResponse, response);
        if (answer.more !== more || (answer.more && answer.update.length > 0)) {
          throw new ProtocolError(
            `Synchronize with more=${more} was answered with more=${answer.more} and ${answer.update.length} updates`,
          );
        }
        updates = answer.update;
      }
      return updates;
    };
  }

  /** Whether the plugin has subscribed to the event. */
  wants(event: EventName): boolean {
    return (this.#mask & (1 << (EVENTS[event] - 1))) !== 0;
  }

  /** Tells the plugin of a pod event, or of a container event whose answer is empty. */
  notify(event: Notification, pod: Pod, container?: Container): Call {
    const subject = { pod: nriPod(pod), ...(container && { container: nriContainer(container) }) };
    if (this.#options.delivery === 'state-change') {
      // Encoded messages one after the other are the encoding of the message that has the fields of all.
      const parts = [encode(StateChangeEvent, { event: EVENTS[event] }), encode(StateChangeSubject, subject)];
      return this.#prepared('StateChange', Buffer.concat(parts), () => NOTHING);
    }
    // All of these requests have the pod in field 1 and the container in field 2.
    return this.#prepared(event, encode(ContainerRequest, subject), () => NOTHING);
  }

  createContainer(container: Container): Call {
    const request = encode(CreateContainerRequest, {
      pod: nriPod(container.pod),
      container: nriContainer(container),
    });
    return this.#prepared('CreateContainer', request, (response) => {
      const { adjust, update } = parse('CreateContainer', CreateContainerResponse, response);
      return { own: adjust?.linux?.resources ?? null, updates: update };
    });
  }

  /** `container` as it was; `resources`: what it is about to be given. */
  updateContainer(container: Container, resources: RequestedResources): Call {
    const request = encode(UpdateContainerRequest, {
      pod: nriPod(container.pod),
      container: nriContainer(container),
      linuxResources: nriResources(resources),
    });
    return this.#prepared('UpdateContainer', request, (response) => {
      const { update } = parse('UpdateContainer', UpdateContainerResponse, response);
      const own = update.filter((each) => each.containerId === container.id);
      return {
        own: own.at(-1)?.linux?.resources ?? null,
        updates: update.filter((each) => each.containerId !== container.id),
      };
    });
  }

  stopContainer(container: Container): Call {
    const request = encode(ContainerRequest, {
      pod: nriPod(container.pod),
      container: nriContainer(container),
    });
    return this.#prepared('StopContainer', request, (response) => ({
      own: null,
      updates: parse('StopContainer', StopContainerResponse, response).update,
    }));
  }

  #prepared(method: string, request: Uint8Array, read: (response: Uint8Array) => Answer): Call {
    return async () => read(await this.#connection.call(method, request, this.#options.requestTimeoutMs));
  }

  close(): void {
    this.#connection.close();
  }
}

function parse<T>(method: string, type: MessageType<T>, response: Uint8Array): T {
  try {
    return decode(type, response);
  } catch (error) {
    throw new ProtocolError(`the answer to ${method} is malformed: ${(error as Error).message}`);
  }
}
