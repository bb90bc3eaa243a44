import { parseCpuList } from '../placement/cpulist.ts';
import { Cpuset } from '../placement/cpuset.ts';
import type { CpusetReading, CpusetRequest, CpusetSeen } from '../workers/host.ts';
import type { Mailbox } from './actor.ts';
import type { Config } from './config.ts';
import { type Entry, isExclusive, nameOf } from './ledger/entry.ts';
import type { ContainerUpdate, Ledger, Sighting } from './ledger/ledger.ts';
import type { Logger } from './log.ts';

/** The connection to the runtime, as far as it serves to put something right. */
export interface RuntimeLink {
  /** Whether there is a runtime. One that comes, or comes back, lists what it has, and is told then. */
  isConnected(): boolean;
  /** Whether updates may be sent without an event: older runtimes can lock up then (NRI before 0.12.1). */
  takesUpdates(): boolean;
  /** Sends updates without an event; rejects when some could not be applied. */
  updateContainers(updates: readonly ContainerUpdate[]): Promise<void>;
  /** Connects once more, so that the runtime lists what it has. @returns whether that is possible */
  reconnect(): boolean;
}

export interface ReconcilerOptions {
  readonly ledger: Ledger;
  readonly mailbox: Mailbox;
  readonly link: RuntimeLink;
  readonly log: Logger;
  /** Reads cpusets from the host's cgroups; undefined while that cannot be done. */
  readonly readCpusets: (requests: readonly CpusetRequest[]) => Promise<readonly CpusetReading[] | undefined>;
  readonly settings: () => Config['reconcile'];
  /** A steady clock in milliseconds. */
  readonly now: () => number;
}

/** What was found and done since the start. */
export interface ReconcilerCounts {
  /** Containers found on other CPUs than they were told, ... */
  drifted: number;
  /** ... and those of them found where they should be later. */
  repaired: number;
  /** Updates sent without an event. */
  repairs: number;
  reconnects: number;
}

const TICK_MS = 250;
/** A runtime has carried out an answer after that, and so much more for each update in it: ten times what it takes. */
const SETTLE_MS = 1000;
const SETTLE_MS_PER_UPDATE = 100;
const RECONNECT_EVERY_MS = 30_000;

/**
 * Finds what is not as wanted and puts it right: containers are looked at in their cgroups, soon after they were moved and
 * now and then; what differs travels with the next answer, and if none comes, it is sent without one, or, where the
 * runtime does not take that safely, by connecting anew. Never from inside a turn, which would block the runtime.
 */
export class Reconciler {
  readonly counts: ReconcilerCounts = { drifted: 0, repaired: 0, repairs: 0, reconnects: 0 };

  readonly #options: ReconcilerOptions;
  readonly #timer: NodeJS.Timeout;
  #eventAt: number;
  #lookedAt: number;
  /** When the runtime's last list was answered, until all have been looked at since. */
  #listedAt: number | undefined;
  #repairedAt = Number.NEGATIVE_INFINITY;
  #reconnectedAt = Number.NEGATIVE_INFINITY;
  /** Containers that the runtime may not have been able to see to yet, and until when: looking at them proves nothing. */
  readonly #settling = new Map<string, number>();
  /** Containers to look at as soon as that proves something: moved ones, and those that may have been being started. */
  readonly #moved = new Set<string>();
  /** Containers for whose cgroup nobody had set CPUs when it was last looked at. */
  readonly #unset = new Set<string>();
  /** Containers found elsewhere and not seen in their place since, and where. */
  readonly #drifted = new Map<string, Cpuset>();
  #isWorking = false;
  #isClosed = false;
  readonly #said = new Set<string>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#eventAt = options.now();
    this.#lookedAt = options.now();
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
  }

  /** An event was answered with these updates: the runtime is busy, and moves among them want a look. */
  noteAnswer(updates: readonly ContainerUpdate[]): void {
    const now = this.#options.now();
    this.#eventAt = now;
    const settledAt = now + SETTLE_MS + SETTLE_MS_PER_UPDATE * updates.length;
    for (const { id } of updates) {
      this.#settling.set(id, settledAt);
      const entry = this.#options.ledger.entries.get(id);
      if (entry !== undefined && isExclusive(entry)) this.#moved.add(id);
    }
  }

  /**
   * A list was answered. What it says of containers is what they were told, perhaps by an instance that ended before it could see
   * whether they went there.
   */
  noteListed(): void {
    this.#listedAt = this.#options.now();
  }

  /** Ends it. What is under way comes to nothing: another instance may be active now, and tell containers otherwise. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  /** Does what is due; called by a timer. */
  async tick(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      await this.#lookWhereDue();
      if (!this.#isClosed) await this.#repairWhereDue();
    } catch (error) {
      this.#options.log.error({ err: error }, 'reconciling failed');
    } finally {
      this.#isWorking = false;
    }
  }

  async #lookWhereDue(): Promise<void> {
    const { now, settings, ledger } = this.#options;
    const interval = settings().driftInterval * 1000;
    const isSettled = this.#listedAt !== undefined && now() - this.#listedAt >= SETTLE_MS;
    const isDue = interval > 0 && (isSettled || now() - this.#lookedAt >= interval);
    if (isDue) this.#lookedAt = now();
    if (isSettled) this.#listedAt = undefined;
    for (const [id, at] of this.#settling) if (at <= now()) this.#settling.delete(id);
    const ids = [...(isDue ? ledger.entries.keys() : this.#moved)].filter((id) => !this.#settling.has(id));
    for (const id of ids) this.#moved.delete(id);
    await this.#look(ids.flatMap((id) => ledger.entries.get(id) ?? []));
  }

  async #look(entries: readonly Entry[]): Promise<void> {
    const { mailbox, ledger, log, readCpusets } = this.#options;
    const requests = entries.flatMap(({ pod, container }) =>
      container.cgroupsPath
        ? [{ id: container.id, cgroupsPath: container.cgroupsPath, cgroupParent: pod.cgroupParent }]
        : [],
    );
    if (requests.length === 0) return;
    const epochs = new Map(entries.map((entry) => [entry.container.id, entry.epoch]));
    const readings = (await readCpusets(requests)) ?? [];
    if (this.#isClosed) return;
    for (const id of this.#unset) if (!ledger.entries.has(id)) this.#unset.delete(id);
    const sightings = readings.flatMap((reading): Sighting[] => {
      if ('problem' in reading) {
        if (reading.problem !== 'gone') this.#sayOnce(reading.problem);
        return [];
      }
      if (this.#mayBeStarting(reading)) return [];
      const { online, nodes, maxCpuId } = ledger.policy.topology;
      // On cgroup v2 an empty set means that of the parent; where not even that is told, nothing is restricted.
      const text = reading.cpus === '' ? (reading.effective ?? `${online}`) : reading.cpus;
      const cpus = parseCpuList(text, { max: maxCpuId, ignoreAboveMax: true, allowEmpty: true });
      const mems = reading.mems === '' ? `${Cpuset.from(nodes.map((node) => node.id))}` : reading.mems;
      return [{ id: reading.id, cpus, mems, epoch: epochs.get(reading.id)! }];
    });
    if (sightings.length === 0) return;
    const found = await mailbox.run(() => ledger.observe(sightings));
    this.#countRepaired(sightings);
    for (const { entry, drifts } of found) {
      const { id } = entry.container;
      const at = ledger.entries.get(id)?.seen;
      // Still where it was found before: putting it right has failed.
      if (at === undefined || this.#drifted.get(id)?.equals(at)) continue;
      this.#drifted.set(id, at);
      this.counts.drifted++;
      for (const { what, told, found } of drifts) {
        log.warn(
          { container: nameOf(entry), containerId: id, told, found },
          `container is not on the ${what} it was told`,
        );
      }
    }
  }

  /**
   * Whether a container may be being started: on cgroup v2 a runtime makes the cgroup first, and sets its CPUs once it has made
   * the file system. Who is found so a second time, later than that takes, has lost them.
   */
  #mayBeStarting({ id, cpus, effective }: CpusetSeen): boolean {
    if (cpus !== '' || effective === undefined) {
      this.#unset.delete(id);
      return false;
    }
    if (this.#unset.has(id)) return false;
    this.#unset.add(id);
    this.#settling.set(id, this.#options.now() + SETTLE_MS);
    this.#moved.add(id);
    return true;
  }

  #countRepaired(sightings: readonly Sighting[]): void {
    const { entries } = this.#options.ledger;
    for (const id of this.#drifted.keys()) if (!entries.has(id)) this.#drifted.delete(id);
    for (const { id, epoch } of sightings) {
      const entry = entries.get(id);
      const isInPlace = entry?.seen === undefined && entry?.epoch === epoch;
      if (isInPlace && this.#drifted.delete(id)) this.counts.repaired++;
    }
  }

  async #repairWhereDue(): Promise<void> {
    const { now, settings, ledger, mailbox, link, log } = this.#options;
    const { after, growthAfter } = settings();
    const quietMs = now() - Math.max(this.#eventAt, this.#repairedAt);
    if (mailbox.isBusy || !link.isConnected() || quietMs < Math.min(after, growthAfter) * 1000) return;
    if (ledger.hasRetryDue && quietMs >= after * 1000) await mailbox.run(() => ledger.retry());
    const { moving, misplaced, growing } = ledger.differences();
    const { rate, burst } = ledger.policy.poolGrowth;
    const canGrow = growing.length > 0 && rate > 0 && burst > 0;
    const isDue =
      (moving.length + misplaced.length > 0 && quietMs >= after * 1000) ||
      (canGrow && quietMs >= growthAfter * 1000);
    if (!isDue) return;
    this.#repairedAt = now();
    if (link.takesUpdates()) {
      await this.#send();
      return;
    }
    if (now() - this.#reconnectedAt < RECONNECT_EVERY_MS) return;
    this.#reconnectedAt = now();
    if (link.reconnect()) {
      this.counts.reconnects++;
      log.info(
        { moving: moving.length, misplaced: misplaced.length, growing: growing.length },
        'connecting anew to put containers right',
      );
    } else {
      this.#sayOnce('no-way');
    }
  }

  async #send(): Promise<void> {
    const { mailbox, ledger, link, log } = this.#options;
    const updates = await mailbox.run(() => ledger.reconcile());
    if (updates.length === 0) return;
    this.counts.repairs += updates.length;
    let failed = false;
    try {
      await link.updateContainers(updates);
    } catch (error) {
      failed = true;
      log.warn({ err: error, containers: updates.length }, 'the runtime could not update all containers');
    }
    await mailbox.run(() => ledger.doubt(updates, failed));
    for (const { id } of updates) this.#moved.add(id);
  }

  #sayOnce(problem: string): void {
    if (this.#said.has(problem)) return;
    this.#said.add(problem);
    this.#options.log.warn({ problem }, EXPLANATIONS[problem] ?? 'cpusets of containers cannot be read');
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  'no-access': "the host's cgroups cannot be read: moves and cpusets are not verified",
  'unknown-path': "a container's cgroup is in no known place: its cpuset is not verified",
  'no-way':
    'containers are not as wanted, and the runtime that started this plugin gives no way to say so before its next event',
};
