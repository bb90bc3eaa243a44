import { ProtocolError, StatusCode, TtrpcStatusError } from './errors.ts';
import {
  ConfigureRequest,
  ConfigureResponse,
  ContainerRequest,
  CreateContainerRequest,
  CreateContainerResponse,
  Empty,
  PodSandboxRequest,
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
import { decode, encode, type MessageType, type PartialMessage } from './protobuf.ts';
import type { Encoder, Method, TtrpcClient } from './ttrpc.ts';

export const PLUGIN_SERVICE = 'nri.pkg.api.v1alpha1.Plugin';
export const RUNTIME_SERVICE = 'nri.pkg.api.v1alpha1.Runtime';

/** A method of a service: its name and what goes in and out. */
export interface UnaryMethod<Req, Res> {
  readonly name: string;
  readonly request: MessageType<Req>;
  readonly response: MessageType<Res>;
}

// Methods of the Runtime service, called by the plugin.
export const RegisterPlugin = method('RegisterPlugin', RegisterPluginRequest, Empty);
export const UpdateContainers = method('UpdateContainers', UpdateContainersRequest, UpdateContainersResponse);

// Methods of the Plugin service, called by the runtime.
export const Configure = method('Configure', ConfigureRequest, ConfigureResponse);
export const Synchronize = method('Synchronize', SynchronizeRequest, SynchronizeResponse);
export const Shutdown = method('Shutdown', Empty, Empty);
export const CreateContainer = method('CreateContainer', CreateContainerRequest, CreateContainerResponse);
export const UpdateContainer = method('UpdateContainer', UpdateContainerRequest, UpdateContainerResponse);
export const StopContainer = method('StopContainer', StopContainerRequest, StopContainerResponse);
export const RemoveContainer = method('RemoveContainer', RemoveContainerRequest, Empty);
export const StateChange = method('StateChange', StateChangeEvent, Empty);
export const RunPodSandbox = method('RunPodSandbox', PodSandboxRequest, Empty);
export const StopPodSandbox = method('StopPodSandbox', StopPodSandboxRequest, Empty);
export const RemovePodSandbox = method('RemovePodSandbox', PodSandboxRequest, Empty);
export const PostCreateContainer = method('PostCreateContainer', ContainerRequest, Empty);
export const StartContainer = method('StartContainer', ContainerRequest, Empty);
export const PostStartContainer = method('PostStartContainer', ContainerRequest, Empty);
export const PostUpdateContainer = method('PostUpdateContainer', ContainerRequest, Empty);

function method<Req, Res>(
  name: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): UnaryMethod<Req, Res> {
  return { name, request, response };
}

/** What a handler returns. An error it throws is the answer to the call; its message is shown to the user. */
export type Answer<T> = PartialMessage<T> | Promise<PartialMessage<T>>;

/** An entry for a server's method table: serves `method` with `handle`. */
export function serve<Req, Res>(
  { name, request, response }: UnaryMethod<Req, Res>,
  handle: (request: Req) => Answer<Res>,
): readonly [string, Method] {
  return [
    name,
    (payload) => {
      const answer = handle(decodeRequest(request, name, payload));
      const encoder =
        (message: PartialMessage<Res>): Encoder =>
        (writer) =>
          response.encode(message, writer);
      return answer instanceof Promise ? answer.then(encoder) : encoder(answer);
    },
  ];
}

function decodeRequest<T>(type: MessageType<T>, name: string, payload: Uint8Array): T {
  try {
    return decode(type, payload);
  } catch (error) {
    throw new TtrpcStatusError(
      StatusCode.INVALID_ARGUMENT,
      `the request of ${name} is malformed: ${(error as Error).message}`,
    );
  }
}

/** Calls `method`; rejects as `TtrpcClient.call` does. */
export async function call<Req, Res>(
  client: TtrpcClient,
  { name, request, response }: UnaryMethod<Req, Res>,
  message: PartialMessage<Req>,
  timeoutMs: number,
): Promise<Res> {
  const payload = await client.call(name, encode(request, message), timeoutMs);
  try {
    return decode(response, payload);
  } catch (error) {
    throw new ProtocolError(`the answer to ${name} is malformed: ${(error as Error).message}`);
  }
}
