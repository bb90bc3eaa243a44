import type { Duplex } from 'node:stream';
import type {
  ConfigureRequest,
  ConfigureResponse,
  CreateContainerRequest,
  CreateContainerResponse,
  Empty,
  RegisterPluginRequest,
  RemoveContainerRequest,
  StateChangeEvent,
  StopContainerRequest,
  StopContainerResponse,
  StopPodSandboxRequest,
  SynchronizeRequest,
  SynchronizeResponse,
  UpdateContainerRequest,
  UpdateContainerResponse,
  UpdateContainersRequest,
  UpdateContainersResponse,
} from './generated/nri.js';
import { Mux, PLUGIN_CHANNEL, RUNTIME_CHANNEL } from './mux.ts';
import * as methods from './nri-methods.ts';
import type { PartialMessage } from './protobuf.ts';
import { type Method, TtrpcClient, TtrpcServer } from './ttrpc.ts';

/** Events of pods and containers (NRI `Event`). */
export const Event = {
  RUN_POD_SANDBOX: 1,
  STOP_POD_SANDBOX: 2,
  REMOVE_POD_SANDBOX: 3,
  CREATE_CONTAINER: 4,
  POST_CREATE_CONTAINER: 5,
  START_CONTAINER: 6,
  POST_START_CONTAINER: 7,
  UPDATE_CONTAINER: 8,
  POST_UPDATE_CONTAINER: 9,
  STOP_CONTAINER: 10,
  REMOVE_CONTAINER: 11,
} as const;

/**
 * The subscription to these events, for `ConfigureResponse.events`. Runtimes refuse a mask with events they do not know, and
 * take an empty one for all events.
 */
export function eventMask(...events: readonly number[]): number {
  return events.reduce((mask, event) => mask | (1 << (event - 1)), 0);
}

/** States of a container (NRI `ContainerState`). */
export const ContainerState = { UNKNOWN: 0, CREATED: 1, PAUSED: 2, RUNNING: 3, STOPPED: 4 } as const;

/** Memory policies (NRI `MpolMode`, set_mempolicy(2)). */
export const MemoryPolicyMode = {
  DEFAULT: 0,
  PREFERRED: 1,
  BIND: 2,
  INTERLEAVE: 3,
  LOCAL: 4,
  PREFERRED_MANY: 5,
  WEIGHTED_INTERLEAVE: 6,
} as const;

type Answer<T> = methods.Answer<T>;

/** What a plugin does when the runtime calls it. Runtimes call one handler at a time. */
export interface PluginHandlers {
  configure(request: ConfigureRequest): Answer<ConfigureResponse>;
  synchronize(request: SynchronizeRequest): Answer<SynchronizeResponse>;
  shutdown(request: Empty): Answer<Empty>;
  createContainer(request: CreateContainerRequest): Answer<CreateContainerResponse>;
  updateContainer(request: UpdateContainerRequest): Answer<UpdateContainerResponse>;
  stopContainer(request: StopContainerRequest): Answer<StopContainerResponse>;
  removeContainer(request: RemoveContainerRequest): Answer<Empty>;
  stopPodSandbox(request: StopPodSandboxRequest): Answer<Empty>;
}

/** What a runtime does when the plugin calls it. */
export interface RuntimeHandlers {
  registerPlugin(request: RegisterPluginRequest): Answer<Empty>;
  updateContainers(request: UpdateContainersRequest): Answer<UpdateContainersResponse>;
}

/** A plugin's connection to the runtime. Its calls reject as `TtrpcClient.call` does. */
export class PluginConnection {
  /**
   * Settles once, when the connection is over: with undefined after an ordinary end by either side, else with the reason, a
   * ProtocolError or ConnectionClosedError. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;

  readonly #mux: Mux;
  readonly #runtime: TtrpcClient;

  /** Takes over a connected socket. */
  constructor(socket: Duplex, handlers: PluginHandlers) {
    this.#mux = new Mux(socket);
    this.closed = this.#mux.closed;
    new TtrpcServer(this.#mux, PLUGIN_CHANNEL, methods.PLUGIN_SERVICE, pluginMethods(handlers));
    this.#runtime = new TtrpcClient(this.#mux, RUNTIME_CHANNEL, methods.RUNTIME_SERVICE);
  }

  /** Introduces the plugin, which has to happen within the runtime's registration timeout. */
  async registerPlugin(request: PartialMessage<RegisterPluginRequest>, timeoutMs: number): Promise<void> {
    await methods.call(this.#runtime, methods.RegisterPlugin, request, timeoutMs);
  }

  /** Asks for updates outside of an answer. A handler must not await it: the runtime is waiting for the handler's answer. */
  updateContainers(
    request: PartialMessage<UpdateContainersRequest>,
    timeoutMs: number,
  ): Promise<UpdateContainersResponse> {
    return methods.call(this.#runtime, methods.UpdateContainers, request, timeoutMs);
  }

  /** Ends the connection, after what was sent has been written. */
  close(): void {
    this.#mux.close();
  }
}

/** Calls that come from runtimes with NRI 0.12, or unasked, and that need nothing but an empty answer. */
const ACKNOWLEDGED = [
  'RunPodSandbox',
  'UpdatePodSandbox',
  'PostUpdatePodSandbox',
  'RemovePodSandbox',
  'PostCreateContainer',
  'StartContainer',
  'PostStartContainer',
  'PostUpdateContainer',
  'ValidateContainerAdjustment',
];

/** Writes a message without fields. */
const nothing = (): void => {};

function pluginMethods(handlers: PluginHandlers): ReadonlyMap<string, Method> {
  return new Map<string, Method>([
    ...ACKNOWLEDGED.map((name) => [name, () => nothing] as const),
    methods.serve(methods.Configure, (request) => handlers.configure(request)),
    methods.serve(methods.Synchronize, (request) => handlers.synchronize(request)),
    methods.serve(methods.Shutdown, (request) => handlers.shutdown(request)),
    methods.serve(methods.CreateContainer, (request) => handlers.createContainer(request)),
    methods.serve(methods.UpdateContainer, (request) => handlers.updateContainer(request)),
    methods.serve(methods.StopContainer, (request) => handlers.stopContainer(request)),
    methods.serve(methods.RemoveContainer, (request) => handlers.removeContainer(request)),
    methods.serve(methods.StopPodSandbox, (request) => handlers.stopPodSandbox(request)),
    methods.serve(methods.StateChange, (event) => handleStateChange(handlers, event)),
  ]);
}

/** Runtimes with NRI before 0.12 deliver events without an answer this way. */
function handleStateChange(
  handlers: PluginHandlers,
  { event, pod, container }: StateChangeEvent,
): Answer<Empty> {
  switch (event) {
    case Event.STOP_POD_SANDBOX:
      return handlers.stopPodSandbox({ pod });
    case Event.STOP_CONTAINER:
      return handlers.stopContainer({ container });
    case Event.REMOVE_CONTAINER:
      return handlers.removeContainer({ container });
    default:
      return {};
  }
}

/** Calls one method of the plugin. Rejects as `TtrpcClient.call` does. */
export type PluginCall<Req, Res> = (request: PartialMessage<Req>, timeoutMs: number) => Promise<Res>;

/** The runtime's connection to a plugin: the other end of a PluginConnection. */
export class RuntimeConnection {
  /** As `PluginConnection.closed`. */
  readonly closed: Promise<Error | undefined>;

  readonly configure = this.#caller(methods.Configure);
  readonly synchronize = this.#caller(methods.Synchronize);
  readonly shutdown = this.#caller(methods.Shutdown);
  readonly createContainer = this.#caller(methods.CreateContainer);
  readonly updateContainer = this.#caller(methods.UpdateContainer);
  readonly stopContainer = this.#caller(methods.StopContainer);
  readonly removeContainer = this.#caller(methods.RemoveContainer);
  readonly stateChange = this.#caller(methods.StateChange);
  readonly runPodSandbox = this.#caller(methods.RunPodSandbox);
  readonly stopPodSandbox = this.#caller(methods.StopPodSandbox);
  readonly removePodSandbox = this.#caller(methods.RemovePodSandbox);
  readonly postCreateContainer = this.#caller(methods.PostCreateContainer);
  readonly startContainer = this.#caller(methods.StartContainer);
  readonly postStartContainer = this.#caller(methods.PostStartContainer);
  readonly postUpdateContainer = this.#caller(methods.PostUpdateContainer);

  readonly #mux: Mux;
  readonly #plugin: TtrpcClient;

  /** Takes over a connected socket. */
  constructor(socket: Duplex, handlers: RuntimeHandlers) {
    this.#mux = new Mux(socket);
    this.closed = this.#mux.closed;
    const served = new Map([
      methods.serve(methods.RegisterPlugin, (request) => handlers.registerPlugin(request)),
      methods.serve(methods.UpdateContainers, (request) => handlers.updateContainers(request)),
    ]);
    new TtrpcServer(this.#mux, RUNTIME_CHANNEL, methods.RUNTIME_SERVICE, served);
    this.#plugin = new TtrpcClient(this.#mux, PLUGIN_CHANNEL, methods.PLUGIN_SERVICE);
  }

  /** Calls any method with a request that is encoded already; resolves to the encoded response. */
  call(method: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.#plugin.call(method, payload, timeoutMs);
  }

  /** Ends the connection, after what was sent has been written. */
  close(): void {
    this.#mux.close();
  }

  #caller<Req, Res>(method: methods.UnaryMethod<Req, Res>): PluginCall<Req, Res> {
    return (request, timeoutMs) => methods.call(this.#plugin, method, request, timeoutMs);
  }
}
