import { forbiddenTo } from '../../src/main/ledger/entry.ts';
import type { ContainerUpdate, Ledger } from '../../src/main/ledger/ledger.ts';
import { poolShare } from '../../src/main/ledger/place.ts';
import { Refusal } from '../../src/main/ledger/refusal.ts';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import type { ContainerFacts, ContainerResources, PodFacts, Workload } from '../../src/placement/workload.ts';

interface Running {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
}

/** Where a container is, whether it has CPUs of its own, and whether it is on these. */
interface Placed {
  readonly id: string;
  readonly kind: Workload['kind'];
  readonly forbidden: Cpuset;
  readonly cpus: Cpuset;
  readonly hasOwn: boolean;
  readonly isOnOwn: boolean;
}

/**
 * The simplest runtime there is: it asks a ledger, applies what it is told one update at a time, and watches that no update
 * ever puts an exclusive CPU in two places.
 */
export class ModelRuntime {
  readonly running = new Map<string, Running>();
  /** Containers whose cpuset was set behind the plugin's back: telling them the same again is right. */
  readonly #drifted = new Set<string>();
  /** Containers whose CPUs were their own when they were told them. */
  readonly #owners = new Set<string>();

  create(ledger: Ledger, pod: PodFacts, container: ContainerFacts): 'created' | 'refused' {
    try {
      const answer = ledger.create(pod, container);
      this.#applyAll(ledger, answer.updates, container.id);
      this.running.set(container.id, { pod, container });
      this.#apply(ledger, answer.adjustment);
      return 'created';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return 'refused';
    }
  }

  /** Creates a container while no plugin is connected. */
  createUnseen(pod: PodFacts, container: ContainerFacts): void {
    this.running.set(container.id, { pod, container });
  }

  resize(ledger: Ledger, id: string, resources: ContainerResources): 'resized' | 'refused' {
    const { pod, container } = this.running.get(id)!;
    try {
      const updates = ledger.update(pod, container, resources);
      const own = updates.at(-1);
      if (own?.id !== id || (own.cpus === undefined && !ledger.pool.isEmpty))
        throw new Error('an update must end with its own cpuset');
      // The runtime applies what it was asked for together with the container's own update, after all others.
      this.#applyAll(ledger, updates.slice(0, -1), id);
      this.running.set(id, {
        pod,
        container: { ...container, resources: { ...container.resources, ...resources } },
      });
      this.#apply(ledger, own);
      return 'resized';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return 'refused';
    }
  }

  stop(ledger: Ledger, id: string): void {
    this.running.delete(id);
    this.#applyAll(ledger, ledger.stop(id));
  }

  remove(ledger: Ledger, id: string): void {
    this.running.delete(id);
    ledger.remove(id);
  }

  synchronize(ledger: Ledger): readonly ContainerUpdate[] {
    const updates = ledger.synchronize([...this.running.values()]);
    this.#applyAll(ledger, updates);
    return updates;
  }

  /** What the plugin sends without an event. */
  reconcile(ledger: Ledger): void {
    const updates = ledger.reconcile();
    this.#applyAll(ledger, updates);
    ledger.doubt(updates, false);
  }

  /** Somebody writes a container's cpuset behind the runtime's back, and the plugin finds it there. */
  drift(ledger: Ledger, id: string, cpus: Cpuset): void {
    const entry = ledger.entries.get(id);
    if (entry?.told.cpus === undefined || cpus.isEmpty) return;
    const { pod, container } = this.running.get(id)!;
    const resources = { ...container.resources, cpus: cpus.toString() };
    this.running.set(id, { pod, container: { ...container, resources } });
    this.#drifted.add(id);
    this.#owners.delete(id);
    this.look(ledger);
  }

  /** The plugin looks where the containers are that were moved behind its back. */
  look(ledger: Ledger): void {
    for (const id of this.#drifted) {
      const [entry, cpus] = [ledger.entries.get(id), this.running.has(id) ? this.cpusOf(id) : undefined];
      if (entry === undefined || cpus === undefined) continue;
      const { mems = '' } = this.running.get(id)!.container.resources;
      ledger.observe([{ id, cpus, mems, epoch: entry.epoch }]);
    }
  }

  /**
   * Whether the runtime has a container where it was told to. The kernel does not show a set as it was written where CPUs of
   * it are offline, so one that was written behind the plugin's back counts by its online CPUs until one of them returns.
   */
  isAsTold(id: string, told: Cpuset | undefined, online: Cpuset): boolean {
    const cpus = this.cpusOf(id);
    if (told === undefined || cpus === undefined || !this.#drifted.has(id))
      return String(cpus) === String(told);
    return cpus.intersect(online).equals(told.intersect(online));
  }

  /** Where the runtime has a container. */
  cpusOf(id: string): Cpuset | undefined {
    const { cpus } = this.running.get(id)!.container.resources;
    return cpus === undefined || cpus === '' ? undefined : parseCpuList(cpus, { max: 100_000 });
  }

  #applyAll(ledger: Ledger, updates: readonly ContainerUpdate[], self?: string): void {
    const named = new Set<string>();
    for (const update of updates) {
      if (update.id === self) throw new Error('an update names the container that the event is about');
      if (named.has(update.id)) throw new Error(`an answer names ${update.id} twice`);
      named.add(update.id);
      const { cpus, mems, quota } = this.running.get(update.id)?.container.resources ?? {};
      const changes =
        (update.cpus ?? cpus)?.toString() !== cpus ||
        (update.mems ?? mems) !== mems ||
        (update.quota ?? quota) !== quota;
      if (!changes && !this.#drifted.has(update.id))
        throw new Error(`update of ${update.id} changes nothing`);
      this.#apply(ledger, update);
    }
  }

  #apply(ledger: Ledger, update: ContainerUpdate): void {
    const before = this.#overlaps(ledger, update.id);
    const found = this.running.get(update.id);
    if (found === undefined) throw new Error(`update of ${update.id}, which is not running`);
    if (update.cpus?.isEmpty) throw new Error('an empty cpuset means no change');
    const { pod, container } = found;
    const { cpus, mems, quota } = container.resources;
    const resources = {
      ...container.resources,
      cpus: update.cpus?.toString() ?? cpus,
      mems: update.mems ?? mems,
      quota: update.quota ?? quota,
    };
    this.running.set(update.id, { pod, container: { ...container, resources } });
    const isOwn = this.cpusOf(update.id)?.equals(ledger.entries.get(update.id)!.cpus) === true;
    if (isOwn) this.#owners.add(update.id);
    else this.#owners.delete(update.id);
    for (const other of this.#overlaps(ledger, update.id)) {
      if (!before.has(other)) throw new Error(`I6: ${update.id} is put where ${other} is`);
    }
  }

  /**
   * Who is on CPUs of a container although one of both owns them. Of those that run in the pool only where there is a CPU for
   * them that nobody else is about to leave.
   */
  #overlaps(ledger: Ledger, id: string): ReadonlySet<string> {
    const placed: Placed[] = [];
    for (const each of this.running.keys()) {
      const [entry, cpus] = [ledger.entries.get(each), this.cpusOf(each)];
      if (entry === undefined || cpus === undefined) continue;
      const hasOwn = !entry.cpus.isEmpty;
      placed.push({
        id: each,
        kind: entry.workload.kind,
        forbidden: forbiddenTo(entry.workload),
        cpus,
        hasOwn,
        isOnOwn: hasOwn && this.#owners.has(each),
      });
    }
    const inUse = Cpuset.union(placed.flatMap(({ hasOwn, cpus }) => (hasOwn ? [cpus] : [])));
    const isKeptOff = (inPool: Placed, { isOnOwn }: Placed): boolean =>
      isOnOwn && !poolShare(ledger.pool, inPool.forbidden).isSubsetOf(inUse);
    const one = placed.find((each) => each.id === id);
    const others = placed.filter(
      (other) =>
        one !== undefined &&
        other !== one &&
        !(one.kind === 'annotated' && other.kind === 'annotated') &&
        ((one.hasOwn && other.hasOwn) || isKeptOff(one, other) || isKeptOff(other, one)) &&
        one.cpus.intersects(other.cpus),
    );
    return new Set(others.map((other) => other.id));
  }
}
