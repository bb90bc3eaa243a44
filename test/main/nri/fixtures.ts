import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { Mailbox } from '../../../src/main/actor.ts';
import type { Config } from '../../../src/main/config.ts';
import { ConfigError } from '../../../src/main/config-error.ts';
import { Journal } from '../../../src/main/journal.ts';
import { Ledger } from '../../../src/main/ledger/ledger.ts';
import { type RuntimeFacts, Session } from '../../../src/main/nri/session.ts';
import type { ContainerFacts } from '../../../src/placement/workload.ts';
import type {
  ConfigureRequest,
  Container,
  CreateContainerResponse,
  LinuxResources,
  PodSandbox,
} from '../../../src/protocol/generated/nri.js';
import { ContainerState, PluginConnection, RuntimeConnection } from '../../../src/protocol/nri.ts';
import type { PartialMessage } from '../../../src/protocol/protobuf.ts';
import { socketPair } from '../../protocol/sockets.ts';
import { policyOf, type shared } from '../ledger/fixtures.ts';

/** Of calls that are to be answered. */
export const TIMEOUT_MS = 10_000;
/** How a runtime without the latest NRI introduces itself. */
export const CONTAINERD: PartialMessage<ConfigureRequest> = {
  runtimeName: 'containerd',
  runtimeVersion: 'v2.1.0',
  requestTimeout: TIMEOUT_MS,
};

interface Configured {
  readonly text: string;
  readonly runtime: RuntimeFacts;
}

export interface Setup {
  readonly runtime: RuntimeConnection;
  readonly ledger: Ledger;
  readonly mailbox: Mailbox;
  /** Lines of the log. */
  readonly log: readonly string[];
  /** What the session was asked to configure. */
  readonly configured: readonly Configured[];
  /** What the session told of its events, as `event outcome`. */
  readonly events: readonly string[];
}

export interface Options {
  readonly config?: Partial<Config>;
  /** The runtime's Configure call. */
  readonly configure?: PartialMessage<ConfigureRequest> | 'never';
  readonly dryRun?: boolean;
  /** Whether another instance decides, until that is called with the first list. */
  readonly takeOver?: () => Promise<boolean>;
  /** The host is still being read, until then. */
  readonly hostRead?: Promise<void>;
  readonly now?: () => number;
}

/** A runtime and a session of a host with 8 CPUs on two nodes, connected by a socket, configured. */
export async function setUp(t: TestContext, options: Options = {}): Promise<Setup> {
  const { config = {}, configure = CONTAINERD, dryRun = false, now = () => performance.now() } = options;
  const ledger = new Ledger({
    policy: policyOf('2 nodes, 4 cpus each', config),
    journal: new Journal(10),
    instance: 'test',
    now,
    onDecision: () => {},
  });
  const log: string[] = [];
  const configured: Configured[] = [];
  const events: string[] = [];
  const mailbox = new Mailbox();
  const { takeOver, hostRead } = options;
  let decides = takeOver === undefined && hostRead === undefined;
  if (hostRead !== undefined) {
    void mailbox.run(async () => {
      await hostRead;
      decides = true;
    });
  }
  const session = new Session({
    configure: async (text, runtime) => {
      configured.push({ text, runtime });
      if (text === 'bad') throw new ConfigError('no such setting: bad');
    },
    ledger: () => (decides ? ledger : undefined),
    beforeSynchronize: () =>
      takeOver?.().then((isActive) => {
        decides = isActive;
      }),
    mailbox,
    log: Promise.resolve(pino({ level: 'debug' }, { write: (line: string) => log.push(line) })),
    dryRun,
    now,
    onEvent: (event, outcome) => events.push(`${event} ${outcome}`),
  });
  const [ours, theirs] = await socketPair(t);
  new PluginConnection(ours, session);
  const runtime = new RuntimeConnection(theirs, {
    registerPlugin: () => ({}),
    updateContainers: () => ({}),
  });
  if (configure !== 'never') await runtime.configure(configure, TIMEOUT_MS);
  return { runtime, ledger, mailbox, log, configured, events };
}

/** The messages that a runtime tells a container with. */
export function told({ pod, container }: ReturnType<typeof shared>, state: number = ContainerState.RUNNING) {
  const messages: { pod: PartialMessage<PodSandbox>; container: PartialMessage<Container> } = {
    pod: {
      id: pod.id,
      uid: pod.uid,
      name: pod.name,
      namespace: pod.namespace,
      annotations: pod.annotations,
    },
    container: {
      id: container.id,
      podSandboxId: pod.id,
      name: container.name,
      state,
      createdAt: container.createdAt,
      linux: { resources: resources(container.resources) },
    },
  };
  return messages;
}

export function resources(facts: ContainerFacts['resources']): PartialMessage<LinuxResources> {
  const { quota, period, shares, memoryLimit, cpus, mems } = facts;
  const optional = (value: number | undefined) => (value === undefined ? null : { value });
  return {
    memory: { limit: optional(memoryLimit) },
    cpu: { quota: optional(quota), period: optional(period), shares: optional(shares), cpus, mems },
  };
}

/** Containers as a Synchronize call lists them. */
export function listed(...seen: readonly ReturnType<typeof told>[]) {
  return { pods: seen.map(({ pod }) => pod), containers: seen.map(({ container }) => container) };
}

/** What of the CPUs of a container is adjusted at its creation. */
export function adjusted({ adjust }: CreateContainerResponse) {
  return adjust?.linux?.resources?.cpu;
}
