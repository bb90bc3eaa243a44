import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_CONFIG } from '../../src/main/config.ts';
import { Journal } from '../../src/main/journal.ts';
import { violations } from '../../src/main/ledger/invariants.ts';
import { Ledger } from '../../src/main/ledger/ledger.ts';
import { createPolicy, type Policy } from '../../src/main/ledger/policy.ts';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { createTopology, type TopologyParts } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';
import type { ContainerFacts, ContainerResources, PodFacts } from '../../src/placement/workload.ts';
import { ModelRuntime } from './model-runtime.ts';

const HOSTS = [
  '2 cpus',
  '4 cores, SMT 2',
  '2 packages, 2 nodes each, 2 cores each, SMT 2',
  '2 nodes, 8 cores each',
  '2 packages, 2 cores each, SMT 4',
];

type Step =
  | {
      readonly do: 'create' | 'createUnseen';
      readonly kind: 'annotated' | 'integer' | 'shared';
      readonly size: number;
      readonly first: number;
      readonly forbid: number | undefined;
      /** Another container of the pod before, or the same one anew. */
      readonly again: boolean;
      readonly name: 'main' | 'side';
    }
  | { readonly do: 'resize'; readonly which: number; readonly size: number }
  | { readonly do: 'stop' | 'remove'; readonly which: number }
  | { readonly do: 'synchronize' | 'restart' }
  | { readonly do: 'hotplug' | 'reserve'; readonly cpu: number; readonly isTold: boolean }
  | { readonly do: 'drift'; readonly which: number; readonly first: number; readonly size: number };

const which = fc.nat(1000);
const creation = (how: 'create' | 'createUnseen') =>
  fc.record({
    do: fc.constant(how),
    kind: fc.constantFrom('annotated', 'integer', 'integer', 'shared'),
    size: fc.integer({ min: 1, max: 5 }),
    first: fc.nat(15),
    forbid: fc.option(fc.nat(15), { nil: undefined, freq: 3 }),
    again: fc.boolean(),
    name: fc.constantFrom('main', 'main', 'side'),
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: creation('create') },
  { weight: 1, arbitrary: creation('createUnseen') },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('resize'), which, size: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('stop', 'stop', 'stop', 'remove'), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('synchronize', 'restart') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('hotplug', 'reserve'),
      cpu: fc.nat(15),
      isTold: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('drift'),
      which,
      first: fc.nat(15),
      size: fc.integer({ min: 1, max: 5 }),
    }),
  },
) as fc.Arbitrary<Step>;

const history = fc.record({
  host: fc.constantFrom(...HOSTS),
  isolated: fc.constantFrom('', '', '1', '2-3'),
  steps: fc.array(step, { maxLength: 40, size: 'max' }),
  config: fc.record({
    minSharedCpus: fc.nat(2),
    priority: fc.constantFrom('siblings', 'numa'),
    reservedCpus: fc.constantFrom('', '0', '1'),
    liftCpuQuota: fc.boolean(),
    isolatedCpus: fc.constantFrom('exclude', 'prefer', 'ignore'),
    poolGrowth: fc.constantFrom({ rate: 20, burst: 40 }, { rate: 0, burst: 1 }),
  }),
});

/** Somebody leaves out of a pinned container's set the CPU that is offline, which then comes back. */
const WRITTEN_WITHOUT_ITS_OFFLINE_CPU: typeof history extends fc.Arbitrary<infer T> ? T : never = {
  host: '2 packages, 2 cores each, SMT 4',
  isolated: '',
  steps: [
    { do: 'create', kind: 'annotated', size: 2, first: 7, forbid: undefined, again: false, name: 'main' },
    { do: 'hotplug', cpu: 7, isTold: true },
    { do: 'drift', which: 0, first: 7, size: 2 },
    { do: 'hotplug', cpu: 7, isTold: true },
  ],
  config: {
    minSharedCpus: 0,
    priority: 'siblings',
    reservedCpus: '',
    liftCpuQuota: false,
    isolatedCpus: 'exclude',
    poolGrowth: { rate: 20, burst: 40 },
  },
};

test('every history keeps the invariants after each turn, and a refused request leaves no trace', () => {
  fc.assert(
    fc.property(history, ({ host, isolated, steps, config }) => {
      const run = new Run(host, isolated, config as Partial<typeof DEFAULT_CONFIG>);
      for (const each of steps) run.step(each);
    }),
    { numRuns: 1500, examples: [[WRITTEN_WITHOUT_ITS_OFFLINE_CPU]] },
  );
});

test('the same history gives the same ledger', () => {
  fc.assert(
    fc.property(history, ({ host, isolated, steps, config }) => {
      const [one, two] = [0, 1].map(() => {
        const run = new Run(host, isolated, config as Partial<typeof DEFAULT_CONFIG>);
        for (const each of steps) run.step(each);
        return run.snapshot();
      });
      assert.deepEqual(one, two);
    }),
    { numRuns: 50 },
  );
});

/** Plays a history on a ledger and a model of a runtime, and checks both after each step. */
class Run {
  readonly #host: TopologyParts;
  #config: typeof DEFAULT_CONFIG;
  #offline = Cpuset.EMPTY;
  #policy: Policy;
  readonly #runtime = new ModelRuntime();
  #ledger: Ledger;
  #clock = 0;
  #created = 0;
  /** Somebody should be told what a change of the host has led to. */
  #hasUntold = false;
  readonly #pods = new Map<number, PodFacts>();
  /** Containers were created while no plugin was connected, and no synchronization has shown them yet. */
  #unseen = false;

  constructor(host: string, isolated: string, config: Partial<typeof DEFAULT_CONFIG>) {
    const { online, ...parts } = parseTopologySpec(host);
    const cpus = parseCpuList(isolated, { max: 100, allowEmpty: true });
    this.#host = { ...parts, online, isolated: cpus.intersect(online) };
    this.#config = { ...DEFAULT_CONFIG, ...config };
    this.#policy = createPolicy(createTopology(this.#host), this.#config);
    this.#ledger = this.#newLedger();
  }

  snapshot(): unknown {
    return [...this.#ledger.entries].map(([id, entry]) => [
      id,
      entry.cpus.toString(),
      entry.told.cpus?.toString(),
    ]);
  }

  step(step: Step): void {
    this.#clock += 100;
    // What an update finds untold is of interest, as it alone tells others no more than they have to be told for it.
    if (this.#hasUntold && step.do !== 'resize' && !('isTold' in step)) this.#runtime.reconcile(this.#ledger);
    const before = this.snapshot();
    const ids = [...this.#runtime.running.keys()];
    const id = 'which' in step ? ids[step.which % Math.max(1, ids.length)] : undefined;
    switch (step.do) {
      case 'create':
      case 'createUnseen': {
        const number = step.again && this.#created > 0 ? this.#created : ++this.#created;
        const pod = this.#pod(number, step);
        const container = {
          id: `${number}.${this.#clock}`,
          name: step.name,
          createdAt: this.#clock,
          resources: step.kind === 'integer' ? integer(step.size) : {},
        };
        if (step.do === 'createUnseen') {
          this.#runtime.createUnseen(pod, container);
          this.#unseen = true;
        } else if (this.#runtime.create(this.#ledger, pod, container) === 'refused') {
          assert.deepEqual(this.snapshot(), before, 'a refused creation changes nothing');
        } else if (step.again) {
          this.#dropSuperseded(pod, container);
        }
        break;
      }
      case 'resize': {
        if (id === undefined) break;
        const resources = step.size === 0 ? { quota: -1, shares: 512 } : integer(step.size);
        if (this.#runtime.resize(this.#ledger, id, resources) === 'refused') {
          assert.deepEqual(this.snapshot(), before, 'a refused resize changes nothing');
        }
        break;
      }
      case 'stop':
      case 'remove':
        if (id !== undefined) this.#runtime[step.do](this.#ledger, id);
        // The answer to a removal carries nothing: what it puts at risk or can repair waits for another.
        if (this.#ledger.differences().misplaced.length > 0) this.#runtime.reconcile(this.#ledger);
        break;
      case 'restart':
        this.#restart();
        break;
      case 'synchronize':
        this.#runtime.synchronize(this.#ledger);
        this.#unseen = false;
        break;
      case 'hotplug':
      case 'reserve':
        this.#change(step.do, step.cpu % (this.#host.maxCpuId + 1));
        if (step.isTold) this.#runtime.reconcile(this.#ledger);
        else this.#hasUntold = true;
        break;
      case 'drift':
        if (id === undefined) break;
        this.#runtime.drift(
          this.#ledger,
          id,
          Cpuset.range(step.first, step.first + step.size - 1).intersect(this.#policy.topology.online),
        );
        this.#runtime.reconcile(this.#ledger);
    }
    if (this.#hasUntold && step.do === 'resize') this.#runtime.reconcile(this.#ledger);
    if (!('isTold' in step) || step.isTold) this.#hasUntold = false;
    if (this.#hasUntold) return;
    this.#check();
    // A pinned container that had to withdraw for others to make way for it moves with the next answer.
    if (this.#ledger.differences().moving.length > 0) {
      this.#runtime.reconcile(this.#ledger);
      this.#check();
      assert.deepEqual(this.#ledger.differences().moving, []);
    }
  }

  /** Takes a CPU offline, or brings it back; the last one stays. Or withholds it, and no other, from integer containers. */
  #change(what: 'hotplug' | 'reserve', cpu: number): void {
    const toggled = Cpuset.from([cpu]);
    let offline = this.#offline;
    if (what === 'hotplug') offline = offline.has(cpu) ? offline.minus(toggled) : offline.union(toggled);
    else this.#config = { ...this.#config, reservedCpus: `${cpu}` };
    if (offline.size > this.#host.maxCpuId) return;
    this.#offline = offline;
    const left = (sets: readonly Cpuset[]) =>
      sets.map((cpus) => cpus.minus(offline)).filter((cpus) => !cpus.isEmpty);
    const { online, cores, llcs, packages, nodes } = this.#host;
    this.#policy = createPolicy(
      createTopology({
        ...this.#host,
        online: online.minus(offline),
        offline,
        cores: left(cores),
        llcs: left(llcs),
        packages: left(packages),
        nodes: nodes.map((node) => ({ ...node, cpus: node.cpus.minus(offline) })),
      }),
      this.#config,
    );
    this.#ledger.changePolicy(this.#policy);
    this.#runtime.look(this.#ledger);
  }

  #restart(): void {
    const placed = [...this.#ledger.entries.values()].filter((entry) => !entry.cpus.isEmpty);
    const shared = [...this.#ledger.entries.values()].filter(({ workload }) => workload.kind === 'shared');
    // One that runs in the pool, and in as many CPUs as it asks for, looks like one that owns these where nobody shares them.
    const isClear = ![...this.#ledger.entries.values()].some(
      ({ workload, unplaced, told: { cpus } }) =>
        unplaced !== undefined &&
        workload.kind === 'integer' &&
        cpus?.size === workload.count &&
        !shared.some(({ told }) => told.cpus?.intersects(cpus)),
    );
    // Pinned ones come first: one that had found no place may now take the CPUs of an integer one.
    const awaited = Cpuset.union(
      [...this.#ledger.entries.values()].flatMap(({ workload, unplaced }) =>
        workload.kind === 'annotated' && unplaced !== undefined ? [workload.cpus] : [],
      ),
    );
    this.#ledger = this.#newLedger();
    this.#runtime.synchronize(this.#ledger);
    if (!this.#unseen && isClear) {
      for (const { container, workload, cpus } of placed) {
        if (workload.kind === 'integer' && cpus.intersects(awaited)) continue;
        const now = this.#ledger.entries.get(container.id);
        assert.equal(String(now?.cpus), String(cpus), `a restart moves nobody, but ${container.id} moved`);
      }
    }
    this.#unseen = false;
  }

  #check(): void {
    assert.deepEqual(violations(this.#ledger), []);
    for (const [id, entry] of this.#ledger.entries) {
      assert.ok(
        this.#runtime.isAsTold(id, entry.told.cpus, this.#policy.topology.online),
        `${id} was told ${entry.told.cpus}, and is on ${this.#runtime.cpusOf(id)}`,
      );
    }
  }

  #pod(number: number, step: Extract<Step, { kind: string }>): PodFacts {
    const known = this.#pods.get(number);
    if (known !== undefined) return known;
    const { maxCpuId } = this.#policy.topology;
    const first = Math.min(step.first, maxCpuId);
    const pod: PodFacts = {
      id: `pod${number}`,
      uid: `uid${number}`,
      name: `pod${number}`,
      namespace: 'default',
      cgroupParent: '',
      annotations: {
        ...(step.kind === 'annotated' && {
          'weka.io/cores-ids': `${first}-${Math.min(maxCpuId, first + step.size - 1)}`,
        }),
        ...(step.forbid !== undefined && { 'weka.io/forbid-core-ids': `${step.forbid}-${step.forbid + 1}` }),
      },
    };
    this.#pods.set(number, pod);
    return pod;
  }

  /** A container that was created anew ends the older one of its name. */
  #dropSuperseded(pod: PodFacts, { id, name }: ContainerFacts): void {
    for (const [other, { pod: otherPod, container }] of this.#runtime.running) {
      if (otherPod.uid === pod.uid && container.name === name && other !== id)
        this.#runtime.running.delete(other);
    }
  }

  #newLedger(): Ledger {
    return new Ledger({
      policy: this.#policy,
      journal: new Journal(10),
      instance: 'test',
      now: () => this.#clock,
      onDecision: () => {},
    });
  }
}

function integer(size: number): ContainerResources {
  return { quota: size * 100_000, period: 100_000, shares: size * 1024, memoryLimit: 1 << 30 };
}
