import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compileFunction } from 'node:vm';
import { build } from 'esbuild';
import fc from 'fast-check';
import {
  Container,
  ContainerUpdate,
  LinuxCPU,
  OptionalInt64,
  OptionalUInt64,
} from '../../src/protocol/generated/nri.js';
import { decode, encode, protobuf } from '../../src/protocol/protobuf.ts';

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** The one field of an Optional message, as another implementation would encode it. */
function optional(value: bigint): Buffer {
  const bytes = [0x08];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

test('64-bit integers are numbers, the nearest one where there is no exact one', () => {
  for (const value of [0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, MAX_INT64, MAX_INT64 - 1000n, MIN_INT64]) {
    assert.equal(OptionalInt64.decode(optional(value)).value, Number(value));
  }
  for (const value of [0n, 1n, 2n ** 53n + 1n, MAX_INT64, MAX_INT64 + 1n, MAX_UINT64]) {
    assert.equal(OptionalUInt64.decode(optional(value)).value, Number(value));
  }
  assert.equal(typeof OptionalInt64.decode(Buffer.alloc(0)).value, 'number', 'also when the field is absent');
});

test('strings are UTF-8, and bytes that are not are refused', () => {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
  for (const id of ['', 'web-1', 'größe', '容器', '\u{1f980}', 'a\u{fffd}b']) {
    assert.equal(decode(Container, field(Buffer.from(id))).id, id);
    assert.equal(decode(Container, Uint8Array.from(field(Buffer.from(id)))).id, id);
  }
  for (const bytes of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    assert.throws(() => decode(Container, field(Buffer.from(bytes))));
  }
});

test('fields this project does not know may come in a row, of any length, and are refused where they are cut off', () => {
  /** A container's id (1) and name (3); what is not in the .proto (7, 8 and, with a longer tag, 20). */
  const field = fc.record({
    number: fc.constantFrom(1, 3, 7, 8, 20),
    length: fc.oneof(fc.nat(9), fc.constantFrom(127, 128, 16_383, 16_384)),
  });
  const write = (fields: readonly { readonly number: number; readonly length: number }[]) => {
    const writer = protobuf.Writer.create();
    for (const { number, length } of fields) writer.uint32((number << 3) | 2).string('x'.repeat(length));
    return writer.finish();
  };
  const decoded = (decodeIt: () => Container) => {
    try {
      return decodeIt();
    } catch {
      return 'refused';
    }
  };
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (fields, cut) => {
        const bytes = write(fields);
        const part = bytes.subarray(0, Math.round(cut * bytes.length));
        for (const each of [bytes, part]) {
          const expected = decoded(() => Container.decode(each));
          assert.deepEqual(
            decoded(() => decode(Container, each)),
            expected,
          );
        }
        assert.equal(
          decode(Container, bytes).id.length,
          fields.findLast(({ number }) => number === 1)?.length ?? 0,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('every 64-bit integer decodes to the nearest number', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: MIN_INT64, max: MAX_INT64 }), (value) => {
      assert.equal(OptionalInt64.decode(optional(value)).value, Number(value));
      const unsigned = BigInt.asUintN(64, value);
      assert.equal(OptionalUInt64.decode(optional(unsigned)).value, Number(unsigned));
    }),
  );
});

test('"unlimited" sent on stays unlimited instead of wrapping to a negative number or 0', () => {
  const signed = encode(OptionalInt64, { value: OptionalInt64.decode(optional(MAX_INT64)).value });
  assert.deepEqual(Buffer.from(signed), optional(MAX_INT64));
  const unsigned = encode(OptionalUInt64, { value: OptionalUInt64.decode(optional(MAX_UINT64)).value });
  assert.deepEqual(Buffer.from(unsigned), optional(MAX_UINT64));
});

test('safe integers survive the way there and back', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.equal(OptionalInt64.decode(encode(OptionalInt64, { value })).value, value);
    }),
  );
});

test('a present value of 0 is told from an absent one', () => {
  const cpu = LinuxCPU.decode(encode(LinuxCPU, { quota: { value: 0 }, cpus: '0-3' }));
  assert.equal(cpu.quota?.value, 0);
  assert.equal(cpu.period, null);
  assert.equal(cpu.cpus, '0-3');
});

test('fields that are left out, undefined or null are not sent', () => {
  const update = {
    containerId: 'c',
    linux: { resources: { cpu: { cpus: '1', mems: undefined, shares: null } } },
  };
  const bytes = Buffer.from(encode(ContainerUpdate, update)).toString('hex');
  // container_id = "c", linux { resources { cpu { cpus = "1" } } }
  assert.equal(bytes, '0a0163' + '1207' + '0a05' + '1203' + '320131');
});

test('fields this project does not know are stepped over, whatever they hold', () => {
  const known = encode(Container, { id: 'c1', labels: { app: 'db' }, createdAt: 1.7e18 });
  const unknown = new protobuf.BufferWriter()
    .uint32((7 << 3) | 2)
    .string('--argument')
    .uint32((9 << 3) | 2)
    .bytes(Buffer.alloc(100, 0xff))
    .uint32((17 << 3) | 0)
    .int32(-1)
    .uint32((100 << 3) | 1)
    .fixed64(1)
    .uint32((101 << 3) | 5)
    .fixed32(1)
    .finish();
  for (const bytes of [Buffer.concat([unknown, known]), Buffer.concat([known, unknown])]) {
    const container = Container.decode(bytes);
    assert.equal(container.id, 'c1');
    assert.deepEqual({ ...container.labels }, { app: 'db' });
    assert.equal(container.createdAt, 1.7e18);
    assert.deepEqual(Object.keys(container).sort(), ['createdAt', 'id', 'labels']);
  }
});

test('64-bit integers are numbers in a CommonJS bundle too', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { OptionalInt64 } from './generated/nri.js';
        import { encode } from './protobuf.ts';
        module.exports = (bytes) => [
          OptionalInt64.decode(bytes).value,
          OptionalInt64.decode(new Uint8Array(0)).value,
          encode(OptionalInt64, { value: 2 ** 63 }),
        ];`,
      resolveDir: join(import.meta.dirname, '../../src/protocol'),
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const module: { exports?: (bytes: Uint8Array) => readonly unknown[] } = {};
  compileFunction(outputFiles[0]!.text, ['module', 'require'])(module, process.getBuiltinModule);
  const [decoded, absent, encoded] = module.exports!(optional(MAX_INT64));
  assert.equal(decoded, 2 ** 63);
  assert.equal(absent, 0);
  assert.deepEqual(Buffer.from(encoded as Uint8Array), optional(MAX_INT64));
});
