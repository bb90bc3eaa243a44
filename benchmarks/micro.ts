import { bench, do_not_optimize, group, run } from 'mitata';
import { DEFAULT_CONFIG } from '../src/main/config.ts';
import { Journal } from '../src/main/journal.ts';
import { Ledger } from '../src/main/ledger/ledger.ts';
import { createPolicy } from '../src/main/ledger/policy.ts';
import { containerFacts, podFacts } from '../src/main/nri/messages.ts';
import { SimulatedHost } from '../src/main/runtime/host.ts';
import { nriContainer, nriPod } from '../src/main/runtime/wire.ts';
import { parseCpuList } from '../src/placement/cpulist.ts';
import { Cpuset } from '../src/placement/cpuset.ts';
import { chooseExclusive } from '../src/placement/exclusive.ts';
import { createRandom } from '../src/placement/random.ts';
import { createTopology } from '../src/placement/topology.ts';
import { CreateContainerRequest } from '../src/protocol/generated/nri.js';
import { encode } from '../src/protocol/protobuf.ts';
import { hostOf } from './hosts.ts';
import { mixedNode, type Workload } from './workload.ts';

// What an event is made of, one function at a time. An argument is a regular expression for the names of those to run.

const CPUS = 1024;
const host = hostOf(CPUS);
const topology = createTopology(host);
const random = createRandom(1);

/** CPUs as they look on a node that has been up for long. */
function scattered(): Cpuset {
  return Cpuset.from(Array.from({ length: CPUS / 2 }, () => random(CPUS)));
}

group(`cpusets of ${CPUS} CPUs`, () => {
  const one = scattered();
  const other = scattered();
  const list = one.toString();
  // A set keeps its size and its list once it was asked for them.
  const anew = () => Cpuset.fromWords(words);
  const words = one.toWords();
  bench('union', () => do_not_optimize(one.union(other)));
  bench('intersect', () => do_not_optimize(one.intersect(other)));
  bench('minus', () => do_not_optimize(one.minus(other)));
  bench('intersects', () => do_not_optimize(one.intersects(other)));
  bench('size', () => do_not_optimize(anew().size));
  bench('to a list', () => do_not_optimize(anew().toString()));
  bench(`from a list of ${list.length} characters`, () =>
    do_not_optimize(parseCpuList(list, { max: CPUS - 1 })),
  );
});

group(`choosing exclusive CPUs, ${CPUS} CPUs of which half are taken`, () => {
  const taken = scattered();
  const free = topology.online.minus(taken);
  for (const count of [1, 2, 8, 64]) {
    bench(`${count} CPUs`, () =>
      do_not_optimize(chooseExclusive(topology, { count, free, taken, priority: 'siblings' })),
    );
  }
});

const runtimeHost = new SimulatedHost({
  online: host.online,
  cgroupDriver: 'systemd',
  annotationDomain: 'weka.io',
});
let pods = 0;

/** A container that is about to be created, as a runtime sends it. */
function requestFor(workload: Workload): Uint8Array {
  const pod = runtimeHost.draftPod({
    name: `pod-${pods++}`,
    qos: workload.kind === 'integer' ? 'guaranteed' : 'burstable',
    annotations: workload.kind === 'annotated' ? { 'weka.io/cores-ids': `${workload.pinned}` } : {},
  });
  const container = runtimeHost.draftContainer(pod, {
    name: 'main',
    ...(workload.kind === 'integer' && { cpus: { limit: workload.cpus } }),
  });
  return encode(CreateContainerRequest, { pod: nriPod(pod), container: nriContainer(container) });
}

function facts(request: Uint8Array) {
  const { pod, container } = CreateContainerRequest.decode(request);
  return [podFacts(pod), containerFacts(container!, 0)] as const;
}

group('messages', () => {
  const request = requestFor({ kind: 'integer', cpus: 2 });
  bench(`decode a CreateContainer of ${request.length} bytes`, () =>
    do_not_optimize(CreateContainerRequest.decode(request)),
  );
});

for (const containers of [60, 1000]) {
  group(`ledger with ${containers} containers on ${CPUS} CPUs`, () => {
    const ledger = new Ledger({
      policy: createPolicy(topology, DEFAULT_CONFIG),
      journal: new Journal(1),
      instance: 'micro',
      now: () => performance.now(),
      onDecision: () => {},
    });
    for (const workload of mixedNode(host, random, containers).slice(0, containers))
      ledger.create(...facts(requestFor(workload)));
    for (const workload of [{ kind: 'shared' }, { kind: 'integer', cpus: 2 }] satisfies Workload[]) {
      const [pod, container] = facts(requestFor(workload));
      bench(`create and stop, ${workload.kind}`, () => {
        do_not_optimize(ledger.create(pod, container));
        do_not_optimize(ledger.stop(container.id));
      });
    }
  });
}

const filter = process.argv[2];
await run({ colors: process.stdout.isTTY, ...(filter !== undefined && { filter: new RegExp(filter) }) });
