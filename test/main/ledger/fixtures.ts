import assert from 'node:assert/strict';
import { type Config, DEFAULT_CONFIG } from '../../../src/main/config.ts';
import { Journal, type JournalRecord } from '../../../src/main/journal.ts';
import type { Entry } from '../../../src/main/ledger/entry.ts';
import { violations } from '../../../src/main/ledger/invariants.ts';
import { type ContainerUpdate, type CreateAnswer, Ledger } from '../../../src/main/ledger/ledger.ts';
import { createPolicy, type Policy } from '../../../src/main/ledger/policy.ts';
import { Refusal, type RefusalCode } from '../../../src/main/ledger/refusal.ts';
import type { Seen } from '../../../src/main/ledger/synchronize.ts';
import { parseCpuList } from '../../../src/placement/cpulist.ts';
import type { Cpuset } from '../../../src/placement/cpuset.ts';
import { createTopology, type TopologyParts } from '../../../src/placement/topology.ts';
import { parseTopologySpec } from '../../../src/placement/topology-spec.ts';
import type { ContainerFacts, ContainerResources, PodFacts } from '../../../src/placement/workload.ts';

/** A CPU list as a set. */
export function cpuset(list: string): Cpuset {
  return parseCpuList(list, { max: 8191, allowEmpty: true });
}

/** The rules of a host that is given as a topology specification, changed as said. */
export function policyOf(
  spec: string,
  config: Partial<Config> = {},
  parts: Partial<TopologyParts> = {},
): Policy {
  const topology = createTopology({ ...parseTopologySpec(spec), ...parts });
  return createPolicy(topology, { ...DEFAULT_CONFIG, ...config });
}

/** What a test says of a container besides its kind. */
export interface Given extends Partial<Omit<ContainerFacts, 'id' | 'resources'>> {
  /** The container's id; its pod's name if left out. */
  readonly id?: string;
  readonly uid?: string;
  readonly namespace?: string;
  readonly resources?: ContainerResources;
  readonly annotations?: PodFacts['annotations'];
  /** CPUs forbidden to the pod. */
  readonly forbid?: string;
}

/** The container `main` of a pod. */
export function containerOf(podName: string, given: Given = {}): Seen {
  const { id = podName, uid = `uid-of-${podName}`, namespace = 'default', ...more } = given;
  const { annotations, forbid, resources = {}, name = 'main', createdAt = 0, oomScoreAdj } = more;
  return {
    pod: {
      id: `pod-${podName}`,
      uid,
      namespace,
      name: podName,
      annotations: {
        ...annotations,
        ...(forbid !== undefined && { 'weka.io/forbid-core-ids': forbid }),
      },
      cgroupParent: '',
    },
    container: { id, name, createdAt, oomScoreAdj, resources },
  };
}

/** Resources for a number of whole CPUs. */
export function wholeCpus(count: number): ContainerResources {
  return { quota: count * 100_000, period: 100_000, shares: count * 1024, memoryLimit: 1 << 30 };
}

export function annotated(podName: string, cpus: string, given: Given = {}): Seen {
  return containerOf(podName, { ...given, annotations: { ...given.annotations, 'weka.io/cores-ids': cpus } });
}

export function integer(podName: string, count: number, given: Given = {}): Seen {
  return containerOf(podName, { ...given, resources: { ...wholeCpus(count), ...given.resources } });
}

export function shared(podName: string, given: Given = {}): Seen {
  return containerOf(podName, given);
}

/** A container that has been told its CPUs, as a runtime lists it. */
export function on(cpus: string, { pod, container }: Seen): Seen {
  return { pod, container: { ...container, resources: { ...container.resources, cpus } } };
}

/** What a runtime has applied to a container. */
interface Applied {
  readonly cpus?: string;
  readonly mems?: string;
  readonly quota?: number;
  /** Whether the CPUs are the container's own. */
  readonly owned?: boolean;
}

/**
 * A ledger and the simplest runtime: what the ledger answers is applied, one update at a time. Fails the test when a step
 * puts an exclusive CPU in two places, when an update changes nothing, or when an invariant does not hold after a turn.
 */
export class Node {
  readonly ledger: Ledger;
  /** What was decided, in order. */
  readonly records: JournalRecord[] = [];
  /** Milliseconds of the ledger's clock. */
  clock = 0;
  readonly #seen = new Map<string, Seen>();
  readonly #applied = new Map<string, Applied>();

  constructor(policy: Policy) {
    this.ledger = new Ledger({
      policy,
      journal: new Journal(100),
      instance: 'test',
      now: () => this.clock,
      onDecision: (record) => this.records.push(record),
    });
  }

  /** Creates containers, each in a turn of its own; the answer is the last one's. */
  create(...created: readonly [Seen, ...Seen[]]): CreateAnswer {
    let answer: CreateAnswer | undefined;
    for (const seen of created) {
      const { pod, container } = seen;
      answer = this.ledger.create(pod, container);
      this.#applyAll(answer.updates, container.id);
      for (const [id, { pod: other, container: old }] of this.#seen)
        if (pod.uid !== '' && other.uid === pod.uid && old.name === container.name) this.#gone(id);
      this.#seen.set(container.id, seen);
      this.#apply(answer.adjustment);
      this.#check();
    }
    return answer!;
  }

  /** A container's resources change. The answer ends with the container's own update. */
  update(id: string, resources: ContainerResources): readonly ContainerUpdate[] {
    const { pod, container } = this.#seen.get(id)!;
    const answer = this.ledger.update(pod, container, resources);
    const own = answer.at(-1);
    assert.equal(own?.id, id);
    this.#applyAll(answer.slice(0, -1), id);
    this.#apply(own);
    this.#check();
    return answer;
  }

  stop(id: string): readonly ContainerUpdate[] {
    this.#gone(id);
    const answer = this.ledger.stop(id);
    this.#applyAll(answer);
    this.#check();
    return answer;
  }

  /** What the plugin sends without an event. */
  reconcile(): readonly ContainerUpdate[] {
    const updates = this.ledger.reconcile();
    this.#applyAll(updates);
    this.ledger.doubt(updates, false);
    this.#check();
    return updates;
  }

  remove(id: string): void {
    this.#gone(id);
    this.ledger.remove(id);
    this.#check();
  }

  /** Shows the ledger these containers and no others. */
  synchronize(...listed: readonly Seen[]): readonly ContainerUpdate[] {
    this.#seen.clear();
    this.#applied.clear();
    for (const seen of listed) {
      const { cpus, mems, quota } = seen.container.resources;
      this.#seen.set(seen.container.id, seen);
      this.#applied.set(seen.container.id, {
        ...(cpus !== undefined && { cpus }),
        ...(mems !== undefined && { mems }),
        ...(quota !== undefined && { quota }),
      });
    }
    const answer = this.ledger.synchronize(listed);
    for (const [id, applied] of this.#applied) {
      const { workload } = this.entry(id);
      const held = cpuset(applied.cpus ?? '');
      const owned =
        workload.kind === 'integer'
          ? held.size === workload.count
          : workload.kind === 'annotated' && held.equals(workload.cpus);
      this.#applied.set(id, { ...applied, owned });
    }
    this.#applyAll(answer);
    this.#check();
    return answer;
  }

  /** What a runtime would list now. */
  listing(): readonly Seen[] {
    return [...this.#seen].map(([id, { pod, container }]) => ({
      pod,
      container: { ...container, resources: { ...container.resources, ...this.#applied.get(id) } },
    }));
  }

  /** Where the runtime has a container: a CPU list; undefined while it was never told. */
  cpus(id: string): string | undefined {
    return this.#applied.get(id)?.cpus;
  }

  mems(id: string): string | undefined {
    return this.#applied.get(id)?.mems;
  }

  quota(id: string): number | undefined {
    return this.#applied.get(id)?.quota;
  }

  entry(id: string): Entry {
    const entry = this.ledger.entries.get(id);
    assert.ok(entry, `${id} is in the ledger`);
    return entry;
  }

  get lastRecord(): JournalRecord {
    return this.records.at(-1)!;
  }

  /** Asserts that a turn is refused with this code, says all of `parts`, and leaves no trace in the ledger. */
  refuses(code: RefusalCode, turn: () => unknown, ...parts: readonly string[]): void {
    const before = new Map(this.ledger.entries);
    const pool = this.ledger.pool.toString();
    assert.throws(turn, (error: Error) => {
      assert.ok(error instanceof Refusal, error.stack);
      assert.equal(error.code, code, error.message);
      for (const part of parts) assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
      return true;
    });
    // Entries are immutable, so the same objects mean that nothing has changed.
    assert.deepEqual([...this.ledger.entries.keys()], [...before.keys()]);
    for (const [id, entry] of this.ledger.entries) assert.equal(entry, before.get(id));
    assert.equal(this.ledger.pool.toString(), pool);
    this.#check();
  }

  #gone(id: string): void {
    this.#seen.delete(id);
    this.#applied.delete(id);
  }

  #applyAll(updates: readonly ContainerUpdate[], self?: string): void {
    for (const update of updates) {
      assert.notEqual(update.id, self, 'updates are about other containers');
      const { cpus, mems, quota } = this.#applied.get(update.id) ?? {};
      const changes =
        (update.cpus !== undefined && update.cpus.toString() !== cpus) ||
        (update.mems !== undefined && update.mems !== mems) ||
        (update.quota !== undefined && update.quota !== quota);
      assert.ok(changes, `the update of ${update.id} changes something`);
      this.#apply(update);
    }
  }

  #apply(update: ContainerUpdate): void {
    assert.ok(this.#seen.has(update.id), `${update.id} is running`);
    assert.notEqual(update.cpus?.isEmpty, true, 'an empty cpuset means no change');
    this.#applied.set(update.id, {
      ...this.#applied.get(update.id),
      owned: !this.entry(update.id).cpus.isEmpty,
      ...(update.cpus !== undefined && { cpus: update.cpus.toString() }),
      ...(update.mems !== undefined && { mems: update.mems }),
      ...(update.quota !== undefined && { quota: update.quota }),
    });
    if (update.cpus !== undefined) this.#checkAlone(update.id, update.cpus);
  }

  /** No CPU that a container has just been given is in two places, if one of the two owns it. */
  #checkAlone(id: string, cpus: Cpuset): void {
    const { owned } = this.#applied.get(id)!;
    for (const [other, { cpus: theirs = '', owned: ownedToo }] of this.#applied) {
      if (other === id || !cpus.intersects(cpuset(theirs))) continue;
      const bothAnnotated = [id, other].every((each) => this.entry(each).workload.kind === 'annotated');
      const free = bothAnnotated || !(owned || ownedToo);
      assert.ok(free, `${id} is put on ${cpus} while ${other} is still on ${theirs}`);
    }
  }

  #check(): void {
    assert.deepEqual(violations(this.ledger), []);
    for (const [id, { told }] of this.ledger.entries) assert.equal(this.cpus(id), told.cpus?.toString());
  }
}

/** Updates as text, in order: `web 0-3`. */
export function shown(updates: readonly ContainerUpdate[]): readonly string[] {
  return updates.map(({ id, cpus, mems, quota }) =>
    [id, cpus, mems !== undefined && `mems ${mems}`, quota !== undefined && `quota ${quota}`]
      .filter(Boolean)
      .join(' '),
  );
}

/** A node with the rules of a host, see `policyOf`. */
export function nodeOf(spec: string, config: Partial<Config> = {}, parts: Partial<TopologyParts> = {}): Node {
  return new Node(policyOf(spec, config, parts));
}
