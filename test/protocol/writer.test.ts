import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { protobuf } from '../../src/protocol/protobuf.ts';
import { MessageWriter } from '../../src/protocol/writer.ts';

/** What a generated encoder calls, as data. */
type Step =
  | readonly ['uint32' | 'int32' | 'int64' | 'uint64', number]
  | readonly ['bool', boolean]
  | readonly ['string', string]
  | readonly ['bytes' | 'raw', Uint8Array]
  | readonly ['nested', readonly Step[]];

const bytes = fc.uint8Array({ maxLength: 300 });
const { steps } = fc.letrec<{ steps: readonly Step[] }>((tie) => ({
  steps: fc.array(
    fc.oneof(
      { maxDepth: 4 },
      fc.tuple(fc.constant('uint32' as const), fc.nat(2 ** 32 - 1)),
      fc.tuple(fc.constant('int32' as const), fc.integer()),
      fc.tuple(fc.constant('int64' as const), fc.maxSafeInteger()),
      fc.tuple(fc.constant('uint64' as const), fc.maxSafeNat()),
      fc.tuple(fc.constant('bool' as const), fc.boolean()),
      fc.tuple(fc.constant('string' as const), fc.string({ unit: 'grapheme', maxLength: 300 })),
      fc.tuple(fc.constant('bytes' as const), bytes),
      fc.tuple(fc.constant('raw' as const), bytes),
      fc.tuple(fc.constant('nested' as const), tie('steps')),
    ),
    { maxLength: 6 },
  ),
}));

function write(writer: protobuf.Writer | MessageWriter, steps: readonly Step[]): void {
  for (const [call, value] of steps) {
    if (call === 'nested') {
      writer.fork();
      write(writer, value);
      writer.ldelim();
    } else {
      (writer[call] as (value: unknown) => unknown)(value);
    }
  }
}

test("what is written is what protobufjs' own writer writes", () => {
  const writer = new MessageWriter();
  fc.assert(
    fc.property(steps, fc.nat(20), (content, room) => {
      const reference = new protobuf.BufferWriter();
      write(reference, content);
      write(writer.reset(room), content);
      assert.deepEqual(writer.written.subarray(room), Buffer.from(reference.finish()));
    }),
  );
});

test('messages may be longer than the memory that is kept, and nested ones too', () => {
  const writer = new MessageWriter();
  const long = 'ä'.repeat(200_000);
  for (const content of [long, 'short', long]) {
    const reference = new protobuf.BufferWriter();
    for (const each of [writer.reset(), reference])
      write(each, [['nested', [['nested', [['string', content]]]]]]);
    assert.deepEqual(writer.written, Buffer.from(reference.finish()));
  }
});
