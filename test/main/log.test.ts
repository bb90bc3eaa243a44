import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type LogOptions, type LogPlaces, openLog } from '../../src/main/log.ts';
import { until } from '../e2e/harness/until.ts';

let folder: string;
let file: string;
let count = 0;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'));
});
beforeEach(() => {
  file = join(folder, `${++count}.log`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const text = () => readFileSync(file, 'utf8');
const records = () =>
  text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const messages = () => records().map(({ msg }) => msg);

const toFile = (options: Partial<LogOptions> = {}) => openLog({ preinstalled: false, file, ...options });

/** A program that logs to its standard error stream, or to where `options` say. */
const program = (options: object, body: string) => [
  '--import',
  'tsx',
  '--input-type=module',
  '--eval',
  `import { openLog } from ${JSON.stringify(join(import.meta.dirname, '../../src/main/log.ts'))};
   const { logger, close } = await openLog(${JSON.stringify({ preinstalled: false, ...options })});
   ${body}`,
];

describe('lines', () => {
  test('are JSON with level, time and message', async () => {
    const { logger, close } = await toFile();
    logger.child({ part: 'ledger' }).warn({ cpus: '0-3' }, 'moved');
    await close();
    const [{ time, ...rest } = {}] = records();
    assert.deepEqual(rest, { level: 'warn', part: 'ledger', cpus: '0-3', msg: 'moved' });
    assert.equal(new Date(String(time)).toISOString(), time);
  });

  test('are for people when asked, without colours in a file', async () => {
    const { logger, close } = await toFile({ format: 'pretty' });
    logger.info({ cpus: '0-3' }, 'moved');
    await close();
    assert.match(text(), /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: moved \{"cpus":"0-3"\}\n$/);
  });

  test('are appended to what is there', async () => {
    for (const message of ['one', 'two']) {
      const { logger, close } = await toFile();
      logger.info(message);
      await close();
    }
    assert.deepEqual(messages(), ['one', 'two']);
  });

  test('begin the file anew when it was emptied meanwhile, as logrotate does with copytruncate', async () => {
    const { logger, close } = await toFile();
    logger.info('before');
    await until('the line is there', () => text() !== '');
    truncateSync(file);
    logger.info('after');
    await close();
    assert.deepEqual(messages(), ['after']);
  });

  test('keep their order when there are many', async () => {
    const { logger, close } = await toFile();
    for (let i = 0; i < 2000; i++) {
      logger.info(String(i));
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    await close();
    assert.deepEqual(
      messages(),
      Array.from({ length: 2000 }, (_, i) => String(i)),
    );
  });
});

describe('levels', () => {
  test('info is the default; the setting debug changes that, also for children', async () => {
    const log = await toFile();
    const child = log.logger.child({ part: 'nri' });
    child.debug('before');
    log.setDebug(true);
    child.debug('during');
    log.logger.debug('during too');
    log.setDebug(false);
    child.debug('after');
    await log.close();
    assert.deepEqual(messages(), ['during', 'during too']);
  });

  test('a level that was asked for stays', async () => {
    const log = await toFile({ level: 'warn' });
    log.setDebug(true);
    log.logger.info('no');
    log.logger.warn('yes');
    await log.close();
    assert.deepEqual(messages(), ['yes']);
  });
});

describe('a pre-installed plugin', () => {
  const nowhere = () => ({
    file: join(folder, 'missing', 'log'),
    journal: join(folder, 'missing', 'journal'),
  });
  const preinstalled = (places: LogPlaces, options: Partial<LogOptions> = {}) =>
    openLog({ preinstalled: true, ...options }, places);

  /** A journal that takes one connection and collects what it is told. */
  const journal = async () => {
    const path = join(folder, `${count}.sock`);
    const server = createServer().listen(path);
    await once(server, 'listening');
    const connected = once(server, 'connection').then(([socket]) => socket as Socket);
    const received = connected.then(async (socket) => {
      server.close();
      let all = '';
      socket.setEncoding('utf8').on('data', (chunk) => {
        all += chunk;
      });
      await once(socket, 'close');
      return all;
    });
    return { path, received, connected };
  };

  test('logs to its file', async () => {
    const { logger, close } = await preinstalled({ ...nowhere(), file });
    logger.info('here');
    await close();
    assert.deepEqual(messages(), ['here']);
  });

  test('logs to the file it is given instead', async () => {
    const { logger, close } = await preinstalled(nowhere(), { file });
    logger.info('here');
    await close();
    assert.deepEqual(messages(), ['here']);
  });

  test('logs to the journal, with priorities, where its file cannot be opened', async () => {
    const { path, received } = await journal();
    const { logger, close } = await preinstalled({ ...nowhere(), journal: path }, { level: 'trace' });
    logger.fatal('a');
    logger.error('b');
    logger.warn('c');
    logger.info('d');
    logger.debug('e');
    await close();
    const lines = (await received).split('\n');
    assert.deepEqual(lines.slice(0, 7), ['weka-nri-cpuset', '', '6', '1', '0', '0', '0']);
    const logged = lines.slice(7, -1).map((line) => /^<(\d)>.*"msg":"(\w)"/.exec(line)?.slice(1).join(''));
    assert.deepEqual(logged, ['2a', '3b', '4c', '6d', '7e']);
  });

  test('says in the journal that the file it was given cannot be opened', async () => {
    const { path, received } = await journal();
    const missing = join(folder, 'missing', 'other');
    const { close } = await preinstalled({ ...nowhere(), journal: path }, { file: missing });
    await close();
    assert.ok((await received).includes(JSON.stringify(missing)));
  });

  test('goes on when the journal goes away', async () => {
    const { path, connected } = await journal();
    const { logger, close } = await preinstalled({ ...nowhere(), journal: path });
    (await connected).destroy();
    for (let i = 0; i < 20; i++) {
      logger.info('anybody?');
      await new Promise(setImmediate);
    }
    await close();
  });

  test('logs nowhere where there is neither', async () => {
    const { logger, close } = await preinstalled(nowhere());
    logger.error('lost');
    await close();
  });
});

describe('trouble', () => {
  test('a full disk disturbs nobody', async () => {
    const { logger, close } = await toFile({ file: '/dev/full' });
    for (let i = 0; i < 50; i++) {
      logger.info('lost');
      await new Promise(setImmediate);
    }
    await close();
  });

  test('a line that a full disk cut off does not spoil the one after it', () => {
    // A limit on the size of files stands for the end of the disk.
    const body = `
      const { spawnSync } = await import('node:child_process');
      const { readFileSync, truncateSync } = await import('node:fs');
      const file = ${JSON.stringify(file)};
      const log = async (line, isDone) => {
        while (!isDone(readFileSync(file, 'utf8'))) {
          logger.info(line);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      spawnSync('prlimit', ['--fsize=1000', '--pid', String(process.pid)]);
      await log('there is room', (text) => text.length === 1000);
      truncateSync(file, 800);
      await log('there is room again', (text) => text.includes('again'));
      await close();`;
    const { status, stderr } = spawnSync(process.execPath, program({ file }, body), { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const lines = text().trimEnd().split('\n');
    assert.equal(lines.filter((line) => !line.endsWith('}')).length, 1);
    assert.match(lines.at(-1) ?? '', /^\{.*"msg":"there is room again"\}$/);
  });

  test('what is logged after the log was closed is dropped', async () => {
    const { logger, close } = await toFile();
    await close();
    logger.info('too late');
    await new Promise(setImmediate);
    assert.equal(text(), '');
  });

  test('what was logged just before the process exits is written', () => {
    const { status } = spawnSync(
      process.execPath,
      program({ file }, `for (let i = 0; i < 100; i++) logger.info('line ' + i); process.exit(0);`),
    );
    assert.equal(status, 0);
    assert.equal(records().length, 100);
  });

  test('where a file cannot be opened the standard error stream is used, and says so', () => {
    const missing = join(folder, 'missing', 'log');
    const { stderr } = spawnSync(
      process.execPath,
      program({ file: missing }, `logger.info('hello'); await close();`),
      {
        encoding: 'utf8',
      },
    );
    const [warning, hello] = stderr.trim().split('\n');
    assert.ok(warning?.includes(missing));
    assert.match(warning ?? '', /"msg":"the log file cannot be opened \(ENOENT\), so the log is here"/);
    assert.match(hello ?? '', /"msg":"hello"/);
  });

  test('a standard error stream that nobody listens to any more disturbs nobody', async () => {
    const body = `for (let i = 0; i < 50; i++) { logger.info('x'); await new Promise(setImmediate); } await close();`;
    const child = spawn(process.execPath, program({}, body), { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.destroy();
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });

  test('a standard error stream that nobody reads does not hold up the program', async (t) => {
    const body = `for (let i = 0; i < 5000; i++) logger.info('x'.repeat(1000)); console.log('still working');`;
    const child = spawn(process.execPath, program({}, body), { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const [output] = await once(child.stdout, 'data');
    assert.equal(String(output), 'still working\n');
  });
});
