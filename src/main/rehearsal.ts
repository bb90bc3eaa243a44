import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { createRandom } from '../placement/random.ts';
import { PluginConnection, RuntimeConnection } from '../protocol/nri.ts';
import { Mailbox } from './actor.ts';
import { Observations } from './admin/observations.ts';
import { Afterwards } from './afterwards.ts';
import { logDecision } from './decision-log.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger/ledger.ts';
import type { Policy } from './ledger/policy.ts';
import { type EventOutcome, Session } from './nri/session.ts';
import { type Container, SimulatedHost } from './runtime/host.ts';
import type { ContainerSpec } from './runtime/kubelet.ts';
import { nriContainer, nriPod, nriResources } from './runtime/wire.ts';

/** With twice as many, first events would take a tenth less, and the plugin 4 MB more. */
const EVENTS = 300;
const PAUSE_MS = 10;
/** Where choosing CPUs takes long, the runtime is to be served all the same. */
const PAUSE_FOR_EACH = 4;
const MOST_CONTAINERS = 40;
const MOST_CPUS = 8;
/** A process may be stopped for long, and nobody waits. */
const TIMEOUT_MS = 3_600_000;

/**
 * Answers events of a made-up runtime, which creates, resizes and stops containers on this host, by the rules in force but with a
 * ledger, a journal and a log that nobody else sees. The engine compiles code only once it has run often enough, and a node has few
 * events in a minute: without this, first events take twice as long.
 *
 * @param isOver asked before each event, which may take as long as a runtime's first ones
 * @throws Error when an event could not be answered
 */
export async function rehearse(policy: Policy, isOver: () => boolean): Promise<void> {
  let last: EventOutcome | undefined;
  const runtime = connectedRuntime(policy, (outcome) => {
    last = outcome;
  });
  try {
    await runtime.configure({}, TIMEOUT_MS);
    const nextEvent = madeUpEvents(runtime, policy);
    for (let event = 0; event < EVENTS && !isOver(); event++) {
      const started = performance.now();
      await nextEvent().catch((error) => {
        if (last !== 'refused' && last !== 'late') throw error;
      });
      const took = performance.now() - started;
      await sleep(Math.max(PAUSE_MS, took * PAUSE_FOR_EACH));
    }
  } finally {
    runtime.close();
  }
}

/** The runtime's end of a connection to a plugin as the daemon makes it. */
function connectedRuntime(policy: Policy, onOutcome: (outcome: EventOutcome) => void): RuntimeConnection {
  const log = pino({ base: null }, { write() {} });
  const observations = new Observations();
  const afterwards = new Afterwards();
  const now = () => performance.now();
  const ledger: Ledger = new Ledger({
    policy,
    journal: new Journal(MOST_CONTAINERS),
    instance: 'rehearsal',
    now,
    afterwards,
    onDecision: (record) => {
      logDecision(log, record);
      observations.noteDecision(record, ledger.entries);
    },
  });
  const session = new Session({
    configure: async () => {},
    ledger: () => ledger,
    mailbox: new Mailbox(),
    log: Promise.resolve(log),
    dryRun: false,
    now,
    onEvent: (event, outcome, ms) => {
      onOutcome(outcome);
      afterwards.do(() => observations.noteEvent(event, outcome, ms));
    },
  });
  const [ours, theirs] = linkedSockets();
  new PluginConnection(ours, session);
  return new RuntimeConnection(theirs, { registerPlugin: () => ({}), updateContainers: () => ({}) });
}

/** Two ends: what is written to one is read from the other. */
function linkedSockets(): readonly [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(bytes, _encoding, done) {
        other().push(bytes);
        done();
      },
    });
  const one: Duplex = end(() => two);
  const two: Duplex = end(() => one);
  return [one, two];
}

/**
 * Makes one event after another: of ten containers five are shared, three integer and two pinned, to some of the lowest CPUs,
 * where integer ones mostly are and have to move.
 */
function madeUpEvents(runtime: RuntimeConnection, { topology, classify }: Policy): () => Promise<unknown> {
  const { annotationDomain } = classify;
  const host = new SimulatedHost({ online: topology.online, cgroupDriver: 'systemd', annotationDomain });
  const random = createRandom(1);
  const lowest = topology.online.toArray().slice(0, MOST_CONTAINERS);
  const running: Container[] = [];
  const anySize = (): ContainerSpec => ({ name: 'main', cpus: { limit: 1 + random(MOST_CPUS) } });
  const messages = (container: Container) => ({
    pod: nriPod(container.pod),
    container: nriContainer(container),
  });

  const create = (): Promise<unknown> => {
    const die = random(10);
    const pinned = Array.from({ length: 1 + random(MOST_CPUS / 2) }, () => lowest[random(lowest.length)]);
    const pod = host.draftPod({
      name: 'rehearsal',
      qos: die < 3 ? 'guaranteed' : 'burstable',
      ...(die >= 8 && { annotations: { [`${annotationDomain}/cores-ids`]: pinned.join(',') } }),
    });
    const container = host.draftContainer(pod, die < 3 ? anySize() : { name: 'main' });
    running.push(container);
    return runtime.createContainer(messages(container), TIMEOUT_MS);
  };
  const stop = (): Promise<unknown> => {
    const [container] = running.splice(random(running.length), 1);
    return runtime.stopContainer(messages(container!), TIMEOUT_MS);
  };
  const resize = (container: Container): Promise<unknown> => {
    const { resources } = host.resized(container, anySize());
    const request = { ...messages(container), linuxResources: nriResources(resources) };
    return runtime.updateContainer(request, TIMEOUT_MS);
  };
  return () => {
    const integer = running.find(({ pod }) => pod.qos === 'guaranteed');
    if (integer !== undefined && random(8) === 0) return resize(integer);
    return running.length < MOST_CONTAINERS / 2 + random(MOST_CONTAINERS / 2) ? create() : stop();
  };
}
