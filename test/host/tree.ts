import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

const PROJECT = join(import.meta.dirname, '../..');
export const DEPLOY = join(PROJECT, 'deploy');
export const PLUGIN = 'opt/nri/plugins/99-weka-cpuset';
export const SETTINGS = 'etc/nri/conf.d/99-weka-cpuset.conf';

/** What a script did. */
export interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** A host's files below a temporary folder, which scripts change with `--root`. */
export class Tree {
  readonly root: string;
  /** An executable that can be installed: it stands alone, and is the product. */
  readonly executable: string;
  /** Programs that scripts find before those of this machine. */
  readonly programs: string;

  readonly #calls: string;

  constructor(context: TestContext, files: Readonly<Record<string, string>> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'weka-cpuset-'));
    context.after(() => rmSync(folder, { recursive: true }));
    this.root = join(folder, 'host');
    this.programs = join(folder, 'programs');
    this.executable = join(folder, 'weka-cpuset-1');
    this.#calls = join(folder, 'calls');
    mkdirSync(this.root);
    mkdirSync(this.programs);
    this.#program(this.executable, `exec ${join(PROJECT, 'bin/weka-cpuset')} "$@"`);
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  /** Another version of the executable. */
  nextExecutable(): string {
    const path = `${this.executable}-next`;
    writeFileSync(path, `${readFileSync(this.executable, 'utf8')}# next\n`, { mode: 0o755 });
    return path;
  }

  /** Makes a program that runs these lines of shell. */
  addProgram(name: string, script: string): void {
    this.#program(join(this.programs, name), script);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** Makes a program that writes what it is called with down, after these lines of shell. */
  addRecordingProgram(name: string, script = ''): void {
    this.addProgram(name, `${script}\necho "${name} $*" >>${this.#calls}`);
  }

  /** The calls of such programs so far. */
  calls(): string {
    return existsSync(this.#calls) ? readFileSync(this.#calls, 'utf8') : '';
  }

  remove(path: string): void {
    rmSync(join(this.root, path));
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** Everything in it, with types, permissions and contents. */
  everything(): Readonly<Record<string, string>> {
    const paths = readdirSync(this.root, { recursive: true }) as string[];
    return Object.fromEntries(
      paths.sort().map((path) => {
        const status = lstatSync(join(this.root, path));
        const content = status.isSymbolicLink()
          ? readlinkSync(join(this.root, path))
          : status.isFile()
            ? this.read(path)
            : '';
        return [path, `${status.mode.toString(8)} ${content}`];
      }),
    );
  }

  /** Runs a script of `deploy/` on it. */
  run(script: string, ...args: readonly string[]): Run {
    const { PATH = '' } = process.env;
    const { status, stdout, stderr } = spawnSync(
      'bash',
      [join(DEPLOY, script), '--root', this.root, ...args],
      {
        encoding: 'utf8',
        env: { ...process.env, HOME: this.programs, PATH: `${this.programs}:${PATH}` },
      },
    );
    return { code: status, output: stdout + stderr };
  }

  install(...args: readonly string[]): Run {
    return this.run('host/install.sh', '--executable', this.executable, ...args);
  }

  uninstall(...args: readonly string[]): Run {
    return this.run('host/uninstall.sh', ...args);
  }

  #program(path: string, script: string): void {
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}
