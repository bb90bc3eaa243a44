import type { Entry } from '../../src/main/ledger/entry.ts';
import type { ContainerUpdate, Ledger } from '../../src/main/ledger/ledger.ts';
import { Refusal } from '../../src/main/ledger/refusal.ts';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import type { Cpuset } from '../../src/placement/cpuset.ts';
import type { ContainerFacts, ContainerResources, PodFacts } from '../../src/placement/workload.ts';

interface Running {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
}

/**
 * The simplest runtime there is: it asks a ledger, applies what it is told one update at a time, and watches that no update
 * ever puts an exclusive CPU in two places.
 */
export class ModelRuntime {
  readonly running = new Map<string, Running>();
  /** Containers whose cpuset was set behind the plugin's back: telling them the same again is right. */
  readonly #drifted = new Set<string>();

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
    this.look(ledger);
  }

  /** The plugin looks where the containers are that were moved behind its back. */
  look(ledger: Ledger): void {
    for (const id of this.#drifted) {
      const [entry, cpus] = [ledger.entries.get(id), this.running.has(id) ? this.cpusOf(id) : undefined];
      if (entry !== undefined && cpus !== undefined) ledger.observe([{ id, cpus, epoch: entry.epoch }]);
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
    for (const update of updates) {
      if (update.id === self) throw new Error('an update names the container that the event is about');
      const { cpus, mems } = this.running.get(update.id)?.container.resources ?? {};
      const changes = (update.cpus ?? cpus)?.toString() !== cpus || (update.mems ?? mems) !== mems;
      if (!changes && update.quota === undefined && !this.#drifted.has(update.id))
        throw new Error(`update of ${update.id} changes nothing`);
      this.#apply(ledger, update);
    }
  }

  #apply(ledger: Ledger, update: ContainerUpdate): void {
    const before = this.#overlaps(ledger);
    const found = this.running.get(update.id);
    if (found === undefined) throw new Error(`update of ${update.id}, which is not running`);
    if (update.cpus?.isEmpty) throw new Error('an empty cpuset means no change');
    const { pod, container } = found;
    const { cpus, mems } = container.resources;
    const resources = {
      ...container.resources,
      cpus: update.cpus?.toString() ?? cpus,
      mems: update.mems ?? mems,
    };
    this.running.set(update.id, { pod, container: { ...container, resources } });
    for (const overlap of this.#overlaps(ledger)) {
      if (!before.has(overlap)) throw new Error(`I6: after updating ${update.id}: ${overlap}`);
    }
  }

  /** Pairs of containers that are on the same CPUs although one of them owns them. */
  #overlaps(ledger: Ledger): Set<string> {
    const exclusive: { readonly entry: Entry; readonly cpus: Cpuset }[] = [];
    for (const id of this.running.keys()) {
      const entry = ledger.entries.get(id);
      const cpus = this.cpusOf(id);
      if (entry !== undefined && cpus !== undefined && !entry.cpus.isEmpty) exclusive.push({ entry, cpus });
    }
    const found = new Set<string>();
    exclusive.forEach((a, position) => {
      for (const b of exclusive.slice(position + 1)) {
        if (a.entry.workload.kind === 'annotated' && b.entry.workload.kind === 'annotated') continue;
        if (a.cpus.intersects(b.cpus))
          found.add(`${a.entry.container.id} and ${b.entry.container.id} overlap`);
      }
    });
    return found;
  }
}
