import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCpuList } from '../../src/placement/cpulist.ts';
import { Cpuset } from '../../src/placement/cpuset.ts';
import { checkPlan, type Plan, type ReassignRequest } from '../../src/placement/plan.ts';
import { improvePlan, planCost, planReassignment } from '../../src/placement/reassign.ts';
import { createTopology, type Topology } from '../../src/placement/topology.ts';
import { parseTopologySpec } from '../../src/placement/topology-spec.ts';

const cpus = (list: string) => parseCpuList(list, { max: 1023, allowEmpty: true });
const host = (specification: string) => createTopology(parseTopologySpec(specification));

/** Two nodes with one cache each; the cores are 0,8 1,9 2,10 3,11 on the first and 4,12 5,13 6,14 7,15 on the second. */
const TWO_NODES = host('1 package, 2 nodes, 4 cores, SMT 2');
/** CPUs 0 to 7, one to a core. */
const NO_SMT = host('8 cores');

interface Scene {
  readonly requested: string;
  readonly victims: Readonly<Record<string, string | { readonly on: string; readonly forbidden: string }>>;
  readonly available: string;
  readonly isolated?: string;
  readonly minShared?: number;
}

function requestOf({ requested, victims, available, isolated, minShared }: Scene): ReassignRequest {
  const list = Object.entries(victims).map(([id, holding]) => {
    const { on, forbidden } = typeof holding === 'string' ? { on: holding, forbidden: '' } : holding;
    return { id, cpus: cpus(on), forbidden: cpus(forbidden) };
  });
  const own = Cpuset.union(list.map((victim) => victim.cpus)).minus(cpus(requested));
  return {
    requested: cpus(requested),
    victims: list,
    available: cpus(available),
    pool: cpus(available)
      .union(own)
      .minus(cpus(isolated ?? '')),
    minShared: minShared ?? 0,
  };
}

/** Where each container goes; checked to be possible and to cost what the plan says. */
function planned(topology: Topology, scene: Scene): Readonly<Record<string, string>> {
  const request = requestOf(scene);
  const result = planReassignment(topology, request);
  assert.ok(result.ok, `no plan: ${JSON.stringify(result)}`);
  assert.equal(checkPlan(request, result.plan.moves), undefined);
  assert.deepEqual(planCost(topology, request, result.plan.moves), result.plan.cost);
  return placesIn(result.plan);
}

function placesIn(plan: Plan): Readonly<Record<string, string>> {
  return Object.fromEntries(plan.moves.map(({ id, to }) => [id, to.toString()]));
}

describe('moving one container off requested CPUs', () => {
  it('lets it keep its other CPUs', () => {
    const places = planned(NO_SMT, { requested: '2', victims: { a: '2,5,7' }, available: '0-1,3' });
    assert.deepEqual(places, { a: '0,5,7' });
  });

  it('replaces a whole core by a whole core of the same node', () => {
    const places = planned(TWO_NODES, {
      requested: '4,12',
      victims: { a: '4-5,12-13' },
      available: '0-3,8-11,6,14,15',
    });
    assert.deepEqual(places, { a: '5-6,13-14' });
  });

  it('gives up what is left of a core if it gets a whole one again', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0,8' }, available: '1,2,10' });
    assert.deepEqual(places, { a: '2,10' });
  });

  it('gives that up even for a whole core of another node', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0,8' }, available: '1,2,3,5,13' });
    assert.deepEqual(places, { a: '5,13' });
  });

  it('keeps what is left of a core if there is no whole one', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0,8' }, available: '1,2,3,5,6' });
    assert.deepEqual(places, { a: '1,8' });
  });

  it('makes up for the lost core by completing one that it holds a part of', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0-1,8' }, available: '2-3,9-11' });
    assert.deepEqual(places, { a: '1,8-9' });
  });

  it('does not give up a CPU that was alone on its core', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0-1' }, available: '2-3,10-11' });
    assert.deepEqual(places, { a: '1-2' });
  });

  it('gives up as few left-overs as the whole cores that it gets', () => {
    const places = planned(TWO_NODES, { requested: '0-1', victims: { a: '0-1,8-9' }, available: '2-3,10' });
    assert.deepEqual(places, { a: '2,8-10' });
  });

  it('stays on its node even on halves of cores, as its memory is there', () => {
    const places = planned(TWO_NODES, {
      requested: '4,12',
      victims: { a: '4,12' },
      available: '0,8,1,9,5,6',
    });
    assert.deepEqual(places, { a: '5-6' });
  });

  it('takes an orphan rather than a part of a whole core', () => {
    const places = planned(TWO_NODES, { requested: '0', victims: { a: '0' }, available: '1,9,2,10,11' });
    assert.deepEqual(places, { a: '11' });
  });

  it('stays within one last-level cache', () => {
    const topology = host('1 node, 2 llcs, 4 cores');
    const places = planned(topology, { requested: '0-2', victims: { a: '0-2' }, available: '3-6' });
    assert.deepEqual(places, { a: '4-6' });
  });

  it('finds whole cores where there are four CPUs to a core', () => {
    const topology = host('4 cores, SMT 4');
    const places = planned(topology, {
      requested: '0',
      victims: { a: '0,4,8,12' },
      available: '1-3,5-7,9,11,13,15',
    });
    assert.deepEqual(places, { a: '1,5,9,13' });
  });

  it('counts a core with an offline sibling as whole', () => {
    const parts = parseTopologySpec('4 cores, SMT 2');
    const offline = cpus('6');
    const topology = createTopology({
      ...parts,
      online: parts.online.minus(offline),
      offline,
      cores: parts.cores.map((core) => core.minus(offline)),
      llcs: parts.llcs.map((llc) => llc.minus(offline)),
      packages: parts.packages.map((cpuset) => cpuset.minus(offline)),
      nodes: parts.nodes.map((node) => ({ ...node, cpus: node.cpus.minus(offline) })),
    });
    const places = planned(topology, { requested: '0', victims: { a: '0' }, available: '1,2,3,5,7' });
    assert.deepEqual(places, { a: '2' });
  });
});

describe('moving several containers', () => {
  it('gives the whole core to the one that loses one, and the orphan to the other', () => {
    const places = planned(TWO_NODES, {
      requested: '0-1',
      victims: { single: '0', core: '1,9' },
      available: '3,10-11',
    });
    assert.deepEqual(places, { core: '3,11', single: '9' });
  });

  it('finds the only way to respect all forbidden CPUs', () => {
    const places = planned(NO_SMT, {
      requested: '0-3',
      victims: {
        anywhere: '0',
        notLast: { on: '1', forbidden: '7' },
        early: { on: '2', forbidden: '6-7' },
        first: { on: '3', forbidden: '5-7' },
      },
      available: '4-7',
    });
    assert.deepEqual(places, { anywhere: '7', notLast: '6', early: '5', first: '4' });
  });

  it('takes a CPU from a container that could keep it only if there is no other way', () => {
    const scene = {
      requested: '0,2',
      victims: { keeper: '0-1', picky: { on: '2', forbidden: '3-7' } },
    };
    assert.deepEqual(planned(NO_SMT, { ...scene, available: '3-4' }), { keeper: '3-4', picky: '1' });
    const roomier = { keeper: '0-1', picky: { on: '2', forbidden: '4-7' } };
    assert.deepEqual(planned(NO_SMT, { ...scene, victims: roomier, available: '3-4' }), {
      keeper: '1,4',
      picky: '3',
    });
  });

  it('never gives a container CPUs that became forbidden to it, even its own', () => {
    const places = planned(NO_SMT, {
      requested: '0',
      victims: { a: { on: '0-1', forbidden: '1-2' } },
      available: '2-4',
    });
    assert.deepEqual(places, { a: '3-4' });
  });

  it('leaves the shared pool its minimum by using isolated CPUs', () => {
    const scene = { requested: '0-1', victims: { a: '0', b: '1' }, available: '4-6', isolated: '6' };
    assert.deepEqual(planned(NO_SMT, { ...scene, minShared: 0 }), { a: '4', b: '5' });
    assert.equal(Object.values(planned(NO_SMT, { ...scene, minShared: 1 })).includes('6'), true);
  });

  it('says the same every time', () => {
    const scene = { requested: '0-1,4', victims: { a: '0,8', b: '1,2', c: '4-5' }, available: '3,6-7,10-15' };
    assert.deepEqual(planned(TWO_NODES, scene), planned(TWO_NODES, scene));
  });

  it('has nothing to do without containers', () => {
    assert.deepEqual(planned(TWO_NODES, { requested: '0-1', victims: {}, available: '2-15' }), {});
  });
});

describe('when there is no room', () => {
  const refused = (topology: Topology, scene: Scene) => {
    const result = planReassignment(topology, requestOf(scene));
    assert.ok(!result.ok);
    return { ...result };
  };

  it('says how many CPUs the containers need and how many there are', () => {
    const scene = { requested: '0-2', victims: { a: '0-1', b: '2-3' }, available: '7' };
    assert.deepEqual(refused(NO_SMT, scene), {
      ok: false,
      reason: 'too-few-cpus',
      victims: ['a', 'b'],
      needed: 4,
      available: 2,
    });
  });

  it('names the containers whose forbidden CPUs leave too few for them', () => {
    const scene = {
      requested: '0-2',
      victims: { a: { on: '0', forbidden: '5-7' }, free: '1', b: { on: '2', forbidden: '5-7' } },
      available: '4-7',
    };
    assert.deepEqual(refused(NO_SMT, scene), {
      ok: false,
      reason: 'forbidden',
      victims: ['a', 'b'],
      needed: 2,
      available: 1,
    });
  });

  it('says how many CPUs can be given without taking too many from the shared pool', () => {
    const scene = {
      requested: '0-2',
      victims: { a: '0-1', b: '2' },
      available: '4-7',
      isolated: '7',
      minShared: 2,
    };
    assert.deepEqual(refused(NO_SMT, scene), {
      ok: false,
      reason: 'min-shared',
      victims: ['a', 'b'],
      needed: 3,
      available: 2,
    });
  });
});

describe('improving a plan', () => {
  const request = requestOf({ requested: '0', victims: { a: '0,8' }, available: '1-7,9-15' });
  const poor = [{ id: 'a', from: cpus('0,8'), to: cpus('4,15') }];
  const plan = { moves: poor, cost: planCost(TWO_NODES, request, poor) };

  it('finds the best one from a poor one, and then ends by itself', () => {
    const better = improvePlan(TWO_NODES, request, plan, { seed: 1, shouldStop: () => false });
    assert.deepEqual(placesIn(better), { a: '1,9' });
  });

  it('returns the plan as it is when stopped at once', () => {
    const same = improvePlan(TWO_NODES, request, plan, { seed: 1, shouldStop: () => true });
    assert.deepEqual(placesIn(same), { a: '4,15' });
    assert.deepEqual(same.cost, plan.cost);
  });
});
