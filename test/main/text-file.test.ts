import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readText, readTextFile } from '../../src/main/text-file.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const LIMITS = { maxBytes: 1024 };

const refusal = (message: string) => ({ name: 'ConfigError', message });

describe('A text file', () => {
  it('is read as it is, up to the limit', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    for (const text of ['', 'äöü\n', 'x'.repeat(1024)]) {
      writeFileSync(path, text);
      assert.equal(await readTextFile(path, 'it', LIMITS), text);
    }
  });

  it('is refused beyond the limit, however long it is', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    writeFileSync(path, 'x'.repeat(1025));
    await assert.rejects(readTextFile(path, 'it', LIMITS), refusal('it: is longer than 1 KiB'));
    truncateSync(path, 2 ** 40);
    const limits = { maxBytes: 2 ** 20 };
    await assert.rejects(readTextFile(path, 'it', limits), refusal('it: is longer than 1 MiB'));
  });

  it('is refused where it is something else', async (t) => {
    const folder = temporaryFolder(t);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const [path, what] of [
      [folder, 'is a folder'],
      [pipe, 'is not a file'],
      ['/dev/zero', 'is not a file'],
      [join(folder, 'missing'), 'does not exist'],
      [join(folder, 'pipe', 'below'), 'does not exist'],
    ] as const) {
      await assert.rejects(readTextFile(path, 'it', LIMITS), refusal(`it: ${what}`));
    }
  });

  it('is refused where it is no text', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    writeFileSync(path, Uint8Array.of(0x61, 0xff));
    await assert.rejects(readTextFile(path, 'it', LIMITS), refusal('it: is not UTF-8 text'));
  });
});

describe('A pipe, where it may be one', () => {
  const orPipe = { ...LIMITS, orPipe: true };

  it('is read to its end', async (t) => {
    const path = join(temporaryFolder(t), 'pipe');
    execFileSync('mkfifo', [path]);
    const [text] = await Promise.all([readTextFile(path, 'it', orPipe), appendFile(path, 'some text')]);
    assert.equal(text, 'some text');
  });

  it('is no folder and no device', async (t) => {
    const folder = join(temporaryFolder(t), 'folder');
    mkdirSync(folder);
    await assert.rejects(readTextFile(folder, 'it', orPipe), refusal('it: is a folder'));
    await assert.rejects(readTextFile('/dev/zero', 'it', orPipe), refusal('it: is not a file'));
  });
});

describe('The text of a stream', () => {
  it('is put together, also where a letter is in two parts', async () => {
    async function* parts() {
      yield Uint8Array.of(0x61, 0xc3);
      yield Uint8Array.of(0xa4);
    }
    assert.equal(await readText(parts(), 'it', 1024), 'aä');
  });

  it('is refused at the limit, and the stream is read no further', async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given++;
        yield new Uint8Array(600);
      }
    }
    await assert.rejects(readText(endless(), 'it', 1024), refusal('it: is longer than 1 KiB'));
    assert.equal(given, 2);
  });
});
