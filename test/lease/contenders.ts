import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { build } from 'esbuild';
import { until } from '../e2e/harness/until.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface ContenderOptions {
  readonly version?: string;
  readonly launched?: boolean;
  readonly connected?: boolean;
}

/** Instances of a node, each a process of its own. */
export class Contenders {
  /** Where the lease is; not made yet. */
  readonly folder: string;
  readonly #program: string;
  readonly #started: Contender[] = [];
  #isMounted = false;

  private constructor(folder: string, program: string) {
    this.folder = folder;
    this.#program = program;
  }

  /** The test's end kills all that it has started. */
  static async prepare(context: TestContext): Promise<Contenders> {
    const place = temporaryFolder(context);
    const program = join(place, 'contender.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'contender.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'warning',
    });
    const contenders = new Contenders(join(place, 'run'), program);
    context.after(async () => {
      await Promise.all(contenders.#started.map((contender) => contender.end('SIGKILL')));
      if (contenders.#isMounted) execFileSync('umount', [contenders.folder]);
    });
    return contenders;
  }

  start(options: ContenderOptions = {}): Contender {
    const { version = '1.0.0', launched = false, connected = true } = options;
    const flags = [launched ? 'launched' : 'external', connected ? 'connected' : 'unconnected'];
    const contender = new Contender([this.#program, this.folder, version, ...flags]);
    this.#started.push(contender);
    return contender;
  }

  /** Makes the folder one with room for that many files and nothing else. @throws Error when this user may not */
  limitFiles(count: number): void {
    mkdirSync(this.folder);
    const options = `size=64k,nr_inodes=${count + 1},mode=700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', this.folder], { stdio: 'pipe' });
    this.#isMounted = true;
  }
}

export class Contender {
  /** What it has told, in order: its roles, and lines of its log. */
  readonly told: string[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(command: readonly string[]) {
    this.#process = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exited = once(this.#process, 'close');
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.told.push(line));
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get role(): string | undefined {
    return this.told.findLast((line) => ['active', 'candidate', 'standby'].includes(line));
  }

  async until(role: string): Promise<void> {
    await until(`the instance is ${role}`, () => this.role === role);
  }

  async untilTold(line: RegExp): Promise<void> {
    await until(`the instance has told ${line}`, () => this.told.some((told) => line.test(told)));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal);
    await this.#exited;
  }
}
