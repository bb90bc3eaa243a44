import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTopologySpec, TopologySpecError } from '../../src/placement/topology-spec.ts';
import { show } from './made-up-host.ts';

const GIB = 1024 ** 3;

describe('a topology specification', () => {
  it('counts each level per domain of the level before', () => {
    const parts = parseTopologySpec('2 packages, 4 nodes each, 16 cores each, SMT 2');
    assert.equal(`${parts.online}`, '0-255');
    assert.equal(parts.maxCpuId, 255);
    assert.equal(parts.cores.length, 128);
    assert.equal(show(parts.packages), '0-63,128-191 64-127,192-255');
    assert.equal(parts.nodes.length, 8);
    assert.equal(`${parts.nodes[1]?.cpus}`, '16-31,144-159');
  });

  it('takes levels in the order written', () => {
    const parts = parseTopologySpec('2 packages, 2 llcs, 2 nodes, 1 core');
    assert.equal(show(parts.llcs), '0-1 2-3 4-5 6-7');
    assert.equal(show(parts.nodes.map((node) => node.cpus)), '0 1 2 3 4 5 6 7');
  });

  for (const text of ['64', '64 cpus', '64 CPUs', '64 cores', '1 package, 64 cores each']) {
    it(`"${text}" is one package, node and LLC of 64 CPUs`, () => {
      const parts = parseTopologySpec(text);
      assert.equal(parts.cores.length, 64);
      assert.equal(show(parts.packages), '0-63');
      assert.equal(show(parts.llcs), '0-63');
      assert.equal(show(parts.nodes.map((node) => node.cpus)), '0-63');
      assert.deepEqual(parts.dies, []);
    });
  }

  it('numbers siblings apart, unless they are said to be adjacent', () => {
    assert.equal(show(parseTopologySpec('4 cores, SMT 2').cores), '0,4 1,5 2,6 3,7');
    assert.equal(show(parseTopologySpec('4 cores, SMT 2, siblings apart').cores), '0,4 1,5 2,6 3,7');
    assert.equal(show(parseTopologySpec('4 cores, SMT 2, siblings adjacent').cores), '0-1 2-3 4-5 6-7');
    assert.equal(show(parseTopologySpec('2 cores, smt4').cores), '0,2,4,6 1,3,5,7');
    assert.equal(
      show(parseTopologySpec('2 packages, 2 cores, SMT 2, siblings adjacent').packages),
      '0-3 4-7',
    );
  });

  it('divides a number of CPUs into cores', () => {
    assert.equal(show(parseTopologySpec('2 packages, 4 cpus each, SMT 2').cores), '0,4 1,5 2,6 3,7');
  });

  it('gives each package a node, and each node or die an LLC, where nothing else is said', () => {
    const packages = parseTopologySpec('2 packages, 4 cores each');
    assert.equal(show(packages.nodes.map((node) => node.cpus)), '0-3 4-7');
    assert.equal(show(packages.llcs), '0-3 4-7');
    const dies = parseTopologySpec('1 socket, 2 dies, 2 cores each');
    assert.equal(show(dies.dies), '0-1 2-3');
    assert.equal(show(dies.llcs), '0-1 2-3');
    assert.equal(show(dies.nodes.map((node) => node.cpus)), '0-3');
    assert.equal(show(parseTopologySpec('2 nodes, 2 cores each').llcs), '0-1 2-3');
  });

  it('has nodes 10, 12 and 32 apart: the same, in one package, in different packages', () => {
    const { nodes } = parseTopologySpec('2 packages, 2 nodes each, 1 core each');
    assert.deepEqual(
      nodes.map((node) => node.distances),
      [
        [10, 12, 32, 32],
        [12, 10, 32, 32],
        [32, 32, 10, 12],
        [32, 32, 12, 10],
      ],
    );
  });

  it('has the memory of each node, 64 GiB where nothing is said', () => {
    const memory = (text: string) => parseTopologySpec(text).nodes.map((node) => node.memoryBytes);
    assert.deepEqual(memory('2 nodes, 2 cores'), [64 * GIB, 64 * GIB]);
    assert.deepEqual(memory('2 nodes, 2 cores, 512 MiB each'), [GIB / 2, GIB / 2]);
    assert.deepEqual(memory('4 cores, 1TiB'), [1024 * GIB]);
    assert.deepEqual(memory('4 cores, 16384 MiB'), [16 * GIB]);
  });

  for (const [text, word] of [
    ['', '""'],
    ['2 packages,', '""'],
    ['2 packags', '"packags"'],
    ['two packages', '"two"'],
    ['-2 cores', '"-"'],
    ['1.5 cores', '"."'],
    ['0 cores', '"0"'],
    ['8193', '"8193"'],
    ['2 packages twice', '"twice"'],
    ['2 packages each each', '"each"'],
    ['4 cores, 2 nodes', '"nodes"'],
    ['2 nodes, 2 nodes', '"nodes"'],
    ['4 cores, 8 cpus', '"cpus"'],
    ['4 cores, SMT 2, SMT 4', '"SMT"'],
    ['4 cores, SMT two', '"two"'],
    ['4 cores, SMT', '"SMT"'],
    ['4 cores, siblings around', '"around"'],
    ['4 cores, siblings', '"siblings"'],
    ['4 cores, 64 GB', '"GB"'],
    ['4 cores, 0 GiB', '"0"'],
    ['4 cores, 1025 TiB', '"1025"'],
    ['4 cores, 1 GiB, 2 GiB', '"GiB"'],
    ['5 cpus, SMT 2', '"5 cpus"'],
    ['4096 packages, 16 cores', '65536'],
  ] as const) {
    it(`"${text}" is refused, and the refusal names ${word}`, () => {
      assert.throws(
        () => parseTopologySpec(text),
        (error: Error) => error instanceof TopologySpecError && error.message.includes(word),
      );
    });
  }
});
