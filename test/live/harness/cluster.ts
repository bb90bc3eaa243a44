import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, type TestContext } from 'node:test';
import type { Cpuset } from '../../../src/placement/cpuset.ts';
import { CLUSTER, kubectl, read } from './kubectl.ts';
import { Pod } from './pod.ts';
import { integer, type PodOptions, podObject } from './pod-object.ts';
import { until } from './until.ts';

const { NODE = '' } = process.env;
const PLUGIN_LABEL = 'app=weka-nri-cpuset';

/** What the API tells of a pod of the plugin. */
export interface PluginPod {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** The cluster under test: a node of it that has the plugin, and a namespace of our own whose pods run there. */
export class Cluster {
  readonly namespace = `weka-cpuset-live-${randomBytes(4).toString('hex')}`;
  #node = '';
  /** CPUs of the node. */
  #cpus = 0;
  #pods = 0;

  /** @throws Error when no node has the plugin running and ready */
  async start(): Promise<void> {
    const pods = (await this.pluginPods()).filter(isReady);
    const nodes = pods.flatMap(({ spec }) => spec.nodeName ?? []).sort();
    const node = nodes.find((name) => NODE === '' || name === NODE);
    if (node === undefined) {
      const wanted = NODE === '' ? 'any node' : `node ${NODE}`;
      throw new Error(
        `No pod with the label ${PLUGIN_LABEL} is ready on ${wanted}; it is on: ${nodes.join(', ') || 'none'}`,
      );
    }
    this.#node = node;
    const { status } = await read<NodeView>(['get', 'node', node]);
    this.#cpus = Number(status.capacity.cpu);
    process.on('SIGINT', this.#interrupted).on('SIGTERM', this.#interrupted);
    await kubectl(['create', 'namespace', this.namespace]);
    await until('the namespace has the account that its pods run with', async () =>
      (await kubectl(['get', 'serviceaccounts', '--namespace', this.namespace])).includes('default'),
    );
  }

  /** Deletes all pods that were made, and waits until they are gone. */
  async removePods(): Promise<void> {
    await kubectl(['delete', 'pods', '--all', '--namespace', this.namespace, '--timeout=180s']);
  }

  /** Deletes everything that was made, and waits until it is gone. */
  async remove(): Promise<void> {
    await kubectl(this.#deletion());
    process.off('SIGINT', this.#interrupted).off('SIGTERM', this.#interrupted);
  }

  /** Runs a pod on the node. @throws Error with the reason if it is refused or does not fit */
  async run(options: PodOptions): Promise<Pod> {
    const pod = await this.create(options);
    await pod.started();
    return pod;
  }

  /** The same without waiting for it to run. */
  async create(options: PodOptions): Promise<Pod> {
    this.#pods += 1;
    const name = `${options.name}-${this.#pods}`;
    await kubectl(['create', '--filename=-'], podObject(name, this.namespace, this.#node, options));
    return new Pod(name, this.namespace);
  }

  /**
   * CPUs that can be pinned without harm to others: those that the plugin gives to a pod of ours. Nobody else has them for
   * their own, and they are neither reserved nor protected.
   */
  async freeCpus(count: number): Promise<Cpuset> {
    const pod = await this.run(integer(count));
    const cpus = await pod.cpus();
    await pod.remove();
    return cpus;
  }

  /** Whether the node is too small for a test, which is then skipped. */
  lacksCpus(context: TestContext, needed: number): boolean {
    const lacks = this.#cpus < needed;
    if (lacks) context.skip(`needs a node with ${needed} CPUs, ${this.#node} has ${this.#cpus}`);
    return lacks;
  }

  /** The plugin's pods, on all nodes. */
  async pluginPods(): Promise<readonly PluginPod[]> {
    const command = ['get', 'pods', '--all-namespaces', `--selector=${PLUGIN_LABEL}`];
    return (await read<{ readonly items: readonly PluginPod[] }>(command)).items;
  }

  /** Those of them that run on the node under test. */
  async pluginPodsHere(): Promise<readonly PluginPod[]> {
    return (await this.pluginPods()).filter(({ spec }) => spec.nodeName === this.#node);
  }

  #deletion(): string[] {
    return ['delete', 'namespace', this.namespace, '--ignore-not-found', '--timeout=180s'];
  }

  readonly #interrupted = (signal: NodeJS.Signals): void => {
    // In a process group of its own: an interrupt from the terminal goes to all of ours.
    spawn('kubectl', [...CLUSTER, ...this.#deletion()], { detached: true, stdio: 'ignore' }).unref();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
}

interface NodeView {
  readonly status: { readonly capacity: { readonly cpu: string } };
}

export function isReady({ status }: PluginPod): boolean {
  return status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** A cluster for the tests of the suite that this is called in. */
export function liveCluster(): Cluster {
  const cluster = new Cluster();
  before(() => cluster.start());
  afterEach(() => cluster.removePods());
  after(() => cluster.remove());
  return cluster;
}
