// Generated from nri.proto by generate.ts. Do not edit.
import type { MessageType } from '../protobuf.ts';

export interface RegisterPluginRequest {
  readonly pluginName: string;
  /** Two digits; plugins are called in this order. */
  readonly pluginIdx: string;
  /** NRI version the plugin was written for. */
  readonly NRIVersion: string;
}
export const RegisterPluginRequest: MessageType<RegisterPluginRequest>;

export interface UpdateContainersRequest {
  readonly update: readonly ContainerUpdate[];
}
export const UpdateContainersRequest: MessageType<UpdateContainersRequest>;

export interface UpdateContainersResponse {
  /** Containers the runtime could not update. May be empty although some failed. */
  readonly failed: readonly ContainerUpdate[];
}
export const UpdateContainersResponse: MessageType<UpdateContainersResponse>;

export interface ConfigureRequest {
  /** Content of the plugin's configuration file on the runtime's side. */
  readonly config: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** Milliseconds. */
  readonly registrationTimeout: number;
  /** Milliseconds the plugin has for every later call. */
  readonly requestTimeout: number;
  /** Empty before NRI 0.11. */
  readonly NRIVersion: string;
}
export const ConfigureRequest: MessageType<ConfigureRequest>;

export interface ConfigureResponse {
  /** One bit per event: bit 0 is event 1. */
  readonly events: number;
}
export const ConfigureResponse: MessageType<ConfigureResponse>;

export interface SynchronizeRequest {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
  /** More of the list follows in another request. */
  readonly more: boolean;
}
export const SynchronizeRequest: MessageType<SynchronizeRequest>;

export interface SynchronizeResponse {
  readonly update: readonly ContainerUpdate[];
  /** Must repeat the request's `more`. */
  readonly more: boolean;
}
export const SynchronizeResponse: MessageType<SynchronizeResponse>;

export interface CreateContainerRequest {
  readonly pod: PodSandbox | null;
  readonly container: Container | null;
}
export const CreateContainerRequest: MessageType<CreateContainerRequest>;

export interface CreateContainerResponse {
  /** Changes to the container being created. */
  readonly adjust: ContainerAdjustment | null;
  /** Changes to other containers, applied in this order and before the creation. */
  readonly update: readonly ContainerUpdate[];
}
export const CreateContainerResponse: MessageType<CreateContainerResponse>;

export interface UpdateContainerRequest {
  readonly pod: PodSandbox | null;
  /** The container as it was before the update. */
  readonly container: Container | null;
  /** What it is about to be given. */
  readonly linuxResources: LinuxResources | null;
}
export const UpdateContainerRequest: MessageType<UpdateContainerRequest>;

export interface UpdateContainerResponse {
  readonly update: readonly ContainerUpdate[];
}
export const UpdateContainerResponse: MessageType<UpdateContainerResponse>;

export interface StopContainerRequest {
  readonly container: ContainerReference | null;
}
export const StopContainerRequest: MessageType<StopContainerRequest>;

export interface StopContainerResponse {
  readonly update: readonly ContainerUpdate[];
}
export const StopContainerResponse: MessageType<StopContainerResponse>;

export interface RemoveContainerRequest {
  readonly container: ContainerReference | null;
}
export const RemoveContainerRequest: MessageType<RemoveContainerRequest>;

export interface StopPodSandboxRequest {
  readonly pod: PodReference | null;
}
export const StopPodSandboxRequest: MessageType<StopPodSandboxRequest>;

/** Request of RunPodSandbox and RemovePodSandbox, which are two messages of one shape in the API, and what runtimes send as
 * StopPodSandboxRequest. */
export interface PodSandboxRequest {
  readonly pod: PodSandbox | null;
}
export const PodSandboxRequest: MessageType<PodSandboxRequest>;

/** Request of PostCreateContainer, StartContainer, PostStartContainer and PostUpdateContainer, which are four messages of
 * one shape in the API, and what runtimes send as StopContainerRequest and RemoveContainerRequest. */
export interface ContainerRequest {
  readonly pod: PodSandbox | null;
  readonly container: Container | null;
}
export const ContainerRequest: MessageType<ContainerRequest>;

/** How runtimes with NRI before 0.12 deliver every event whose answer is empty. */
export interface StateChangeEvent {
  /** An event number, see Event in nri.ts. */
  readonly event: number;
  readonly pod: PodReference | null;
  readonly container: ContainerReference | null;
}
export const StateChangeEvent: MessageType<StateChangeEvent>;

/** What runtimes send in a StateChangeEvent besides. */
export interface StateChangeSubject {
  readonly pod: PodSandbox | null;
  readonly container: Container | null;
}
export const StateChangeSubject: MessageType<StateChangeSubject>;

export interface Empty {
}
export const Empty: MessageType<Empty>;

export interface PodSandbox {
  readonly id: string;
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: LinuxPodSandbox | null;
}
export const PodSandbox: MessageType<PodSandbox>;

export interface LinuxPodSandbox {
  readonly cgroupParent: string;
}
export const LinuxPodSandbox: MessageType<LinuxPodSandbox>;

/** What is read of a pod that ends. */
export interface PodReference {
  readonly id: string;
  readonly uid: string;
}
export const PodReference: MessageType<PodReference>;

/** What is read of a container that ends. */
export interface ContainerReference {
  readonly id: string;
}
export const ContainerReference: MessageType<ContainerReference>;

export interface Container {
  readonly id: string;
  readonly podSandboxId: string;
  readonly name: string;
  /** A container state, see ContainerState in nri.ts. */
  readonly state: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly linux: LinuxContainer | null;
  /** Nanoseconds since 1970. */
  readonly createdAt: number;
}
export const Container: MessageType<Container>;

export interface LinuxContainer {
  readonly resources: LinuxResources | null;
  readonly oomScoreAdj: OptionalInt64 | null;
  readonly cgroupsPath: string;
}
export const LinuxContainer: MessageType<LinuxContainer>;

export interface LinuxResources {
  readonly memory: LinuxMemory | null;
  readonly cpu: LinuxCPU | null;
}
export const LinuxResources: MessageType<LinuxResources>;

export interface LinuxMemory {
  /** Bytes. */
  readonly limit: OptionalInt64 | null;
}
export const LinuxMemory: MessageType<LinuxMemory>;

export interface LinuxCPU {
  readonly shares: OptionalUInt64 | null;
  /** Microseconds per period. */
  readonly quota: OptionalInt64 | null;
  /** Microseconds. */
  readonly period: OptionalUInt64 | null;
  /** CPU list; empty means "no change", never "none". */
  readonly cpus: string;
  /** Memory node list; empty means "no change". */
  readonly mems: string;
}
export const LinuxCPU: MessageType<LinuxCPU>;

export interface ContainerAdjustment {
  readonly linux: LinuxContainerAdjustment | null;
}
export const ContainerAdjustment: MessageType<ContainerAdjustment>;

export interface LinuxContainerAdjustment {
  readonly resources: LinuxResources | null;
  /** Since NRI 0.12; older runtimes step over it. */
  readonly memoryPolicy: LinuxMemoryPolicy | null;
}
export const LinuxContainerAdjustment: MessageType<LinuxContainerAdjustment>;

export interface LinuxMemoryPolicy {
  /** An MPOL_ mode, see MemoryPolicyMode in nri.ts. */
  readonly mode: number;
  /** Memory node list. */
  readonly nodes: string;
}
export const LinuxMemoryPolicy: MessageType<LinuxMemoryPolicy>;

export interface ContainerUpdate {
  readonly containerId: string;
  readonly linux: LinuxContainerUpdate | null;
  readonly ignoreFailure: boolean;
}
export const ContainerUpdate: MessageType<ContainerUpdate>;

export interface LinuxContainerUpdate {
  readonly resources: LinuxResources | null;
}
export const LinuxContainerUpdate: MessageType<LinuxContainerUpdate>;

export interface OptionalInt64 {
  readonly value: number;
}
export const OptionalInt64: MessageType<OptionalInt64>;

export interface OptionalUInt64 {
  readonly value: number;
}
export const OptionalUInt64: MessageType<OptionalUInt64>;
