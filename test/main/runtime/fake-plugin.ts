import { once } from 'node:events';
import { connect } from 'node:net';
import type {
  ContainerUpdate,
  CreateContainerResponse,
  LinuxResources,
} from '../../../src/protocol/generated/nri.js';
import { PluginConnection, type PluginHandlers } from '../../../src/protocol/nri.ts';
import type { PartialMessage } from '../../../src/protocol/protobuf.ts';

/** A plugin that does what a test tells it to, and nothing where it is told nothing. */
export interface FakePlugin {
  readonly connection: PluginConnection;
  /** The calls it has got, in order: `CreateContainer web`. */
  readonly calls: readonly string[];
}

export type Script = Partial<PluginHandlers>;

/** Of calls that are to be answered. */
export const TIMEOUT_MS = 30_000;

/** Connects a plugin and registers it. */
export async function connectPlugin(socketPath: string, script: Script = {}): Promise<FakePlugin> {
  const plugin = await connectSilently(socketPath, script);
  await plugin.connection.registerPlugin({ pluginName: 'fake', pluginIdx: '99' }, TIMEOUT_MS);
  return plugin;
}

/** Connects a plugin that does not register. */
export async function connectSilently(socketPath: string, script: Script = {}): Promise<FakePlugin> {
  const calls: string[] = [];
  /** By id: how a container that ends is called. */
  const names = new Map<string, string>();
  const nameOf = (container: { readonly id: string } | null) => names.get(container?.id ?? '');
  const socket = connect(socketPath);
  await once(socket, 'connect');
  const connection = new PluginConnection(socket, {
    configure: (request) => {
      calls.push('Configure');
      return script.configure?.(request) ?? { events: 0 };
    },
    synchronize: (request) => {
      for (const { id, name } of request.containers) names.set(id, name);
      calls.push(`Synchronize ${request.containers.map(({ name }) => name)}`.trim());
      return script.synchronize?.(request) ?? { more: request.more };
    },
    shutdown: () => ({}),
    createContainer: (request) => {
      names.set(request.container?.id ?? '', request.container?.name ?? '');
      calls.push(`CreateContainer ${request.container?.name}`);
      return script.createContainer?.(request) ?? {};
    },
    updateContainer: (request) => {
      calls.push(`UpdateContainer ${request.container?.name}`);
      return script.updateContainer?.(request) ?? {};
    },
    stopContainer: (request) => {
      calls.push(`StopContainer ${nameOf(request.container)}`);
      return script.stopContainer?.(request) ?? {};
    },
    removeContainer: (request) => {
      calls.push(`RemoveContainer ${nameOf(request.container)}`);
      return script.removeContainer?.(request) ?? {};
    },
    stopPodSandbox: () => ({}),
  });
  return { connection, calls };
}

/** An answer to CreateContainer that gives the container `cpus` and updates others first. */
export function give(
  cpus: string,
  ...update: readonly PartialMessage<ContainerUpdate>[]
): PartialMessage<CreateContainerResponse> {
  return { adjust: { linux: { resources: onCpus(cpus) } }, update };
}

/** An update that gives a container `cpus`. */
export function move(containerId: string, cpus: string): PartialMessage<ContainerUpdate> {
  return { containerId, linux: { resources: onCpus(cpus) } };
}

function onCpus(cpus: string): PartialMessage<LinuxResources> {
  return { cpu: { cpus } };
}

/** Gives containers CPUs by their names, and those it does not know none. */
export function byName(cpus: Readonly<Record<string, string>>): Script {
  return { createContainer: ({ container }) => give(cpus[container?.name ?? ''] ?? '') };
}
