import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { createTopology, type TopologyParts } from '../../placement/topology.ts';
import { Event, eventMask, type PluginHandlers } from '../../protocol/nri.ts';
import { Mailbox } from '../actor.ts';
import type { Config } from '../config.ts';
import { Journal, type JournalRecord } from '../journal.ts';
import { Ledger } from '../ledger/ledger.ts';
import { createPolicy } from '../ledger/policy.ts';
import { stayConnected } from '../nri/connection.ts';
import { Session } from '../nri/session.ts';
import type { ContainerSpec, PodSpec } from '../runtime/kubelet.ts';
import { EmbeddedRuntime } from '../runtime/runtime.ts';
import { makeScratchFolder } from '../scratch-folder.ts';

/** A pod that runs on the node before the simulation begins. */
export interface Resident {
  readonly spec: PodSpec;
  readonly containers: readonly {
    readonly spec: ContainerSpec;
    /** In list format; undefined: it may run anywhere. */
    readonly cpus?: string;
    readonly mems?: string;
  }[];
}

export interface NodeOptions {
  readonly topology: TopologyParts;
  readonly config: Config;
  readonly residents: readonly Resident[];
  /** Called with each decision. */
  readonly onDecision: (record: JournalRecord) => void;
}

/** Nobody waits here, so a slow machine is no reason to refuse. */
const TIMEOUT_MS = 600_000;
const JOURNAL_RECORDS = 1;

/**
 * A node that is not there: the embedded runtime, and the ledger and session that run on real nodes, in this process. Large
 * reassignments are planned without workers, so the same pods always get the same answer.
 */
export class SimulatedNode {
  readonly runtime: EmbeddedRuntime;
  readonly ledger: Ledger;
  readonly #plugin = new AbortController();

  private constructor(runtime: EmbeddedRuntime, ledger: Ledger) {
    this.runtime = runtime;
    this.ledger = ledger;
  }

  /** @throws ConfigError when the configuration does not fit the host */
  static async start({ topology, config, residents, onDecision }: NodeOptions): Promise<SimulatedNode> {
    const ledger = new Ledger({
      policy: createPolicy(createTopology(topology), config),
      journal: new Journal(JOURNAL_RECORDS),
      instance: 'simulated',
      now: () => performance.now(),
      onDecision,
    });
    const folder = makeScratchFolder('weka-cpuset-simulate-');
    const socketPath = join(folder, 'nri.sock');
    const runtime = await EmbeddedRuntime.start({
      socketPath,
      online: topology.online,
      annotationDomain: config.annotationDomain,
      requestTimeoutMs: TIMEOUT_MS,
      registrationTimeoutMs: TIMEOUT_MS,
    });
    const node = new SimulatedNode(runtime, ledger);
    try {
      await seat(runtime, socketPath, residents);
      const mailbox = new Mailbox();
      await connect(runtime, socketPath, node.#plugin.signal, (log) => {
        return new Session({
          configure: async () => config,
          ledger: () => ledger,
          mailbox,
          log,
          dryRun: false,
          now: () => performance.now(),
        });
      });
      return node;
    } catch (error) {
      await node.close();
      throw error;
    } finally {
      // All that connect have: nothing is left behind however the program ends.
      rmSync(folder, { recursive: true });
    }
  }

  async close(): Promise<void> {
    this.runtime.disconnectPlugin();
    this.#plugin.abort();
    await this.runtime.close();
  }
}

/** Connects a plugin to the runtime and waits until it is synchronized. */
async function connect(
  runtime: EmbeddedRuntime,
  socket: string,
  signal: AbortSignal,
  handlers: (log: Promise<pino.Logger>) => PluginHandlers,
): Promise<void> {
  const log = Promise.resolve(pino({ enabled: false }));
  void stayConnected({
    socket,
    fd: undefined,
    pluginName: 'simulated',
    pluginIndex: '99',
    log,
    session: () => handlers(log),
    onAttempt: () => {},
    signal,
  });
  await runtime.whenReady(TIMEOUT_MS);
}

/** Has the residents created where they are, by a plugin that does just this; the real one then finds them there. */
async function seat(runtime: EmbeddedRuntime, socket: string, residents: readonly Resident[]): Promise<void> {
  if (residents.length === 0) return;
  let cpus = '';
  let mems = '';
  const done = new AbortController();
  const nothing = () => ({});
  const seating: PluginHandlers = {
    configure: () => ({ events: eventMask(Event.CREATE_CONTAINER) }),
    synchronize: ({ more }) => ({ more }),
    createContainer: () => ({ adjust: { linux: { resources: { cpu: { cpus, mems } } } } }),
    updateContainer: nothing,
    stopContainer: nothing,
    removeContainer: nothing,
    stopPodSandbox: nothing,
    shutdown: nothing,
  };
  await connect(runtime, socket, done.signal, () => seating);
  for (const { spec, containers } of residents) {
    const pod = await runtime.runPod(spec);
    for (const container of containers) {
      cpus = container.cpus ?? '';
      mems = container.mems ?? '';
      await runtime.createContainer(pod, container.spec);
    }
  }
  runtime.disconnectPlugin();
  done.abort();
}
