import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMounts } from './kernel.ts';
import { readProcess, runningProcesses, unlessGone } from './processes.ts';
import { until } from './until.ts';

// Short, because a unix socket's path has at most 108 bytes and containerd makes several below it.
const PARENT = '/tmp';

let made = 0;

/**
 * A temporary folder that everything of one containerd lives in, with a cgroup of its own. Whatever was left in either,
 * processes, mounts, cgroups, is removed with it, also when the test process that made it was killed.
 */
export class Workspace {
  readonly folder: string;
  /** Path of the cgroup below which all pods are placed: it looks like a kubelet's root. */
  readonly cgroup: string;

  private constructor(name: string) {
    this.folder = join(PARENT, name);
    this.cgroup = `/kubepods-${name}`;
  }

  /** Makes a new one, after removing those whose makers are dead: a name tells who made it. */
  static async create(): Promise<Workspace> {
    for (const name of readdirSync(PARENT)) {
      const [, identity, pid] = /^wcs-((\d+)-\d*)-\d+$/.exec(name) ?? [];
      if (pid === undefined || processIdentity(Number(pid)) === identity) continue;
      await new Workspace(name).remove();
    }
    made += 1;
    const workspace = new Workspace(`wcs-${processIdentity(process.pid)}-${made}`);
    mkdirSync(workspace.folder);
    return workspace;
  }

  async remove(): Promise<void> {
    await until(`the processes of ${this.folder} are gone`, () => {
      const left = this.#processes();
      for (const pid of left) unlessGone(() => process.kill(pid, 'SIGKILL'));
      return left.length === 0;
    });
    for (const cgroup of this.#cgroups()) {
      await until(`cgroup ${cgroup} is gone`, () => removeCgroup(cgroup));
    }
    for (const mount of this.#mounts()) execFileSync('umount', [mount]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ids of the processes that name the folder in their command line or live in the cgroup. */
  #processes(): number[] {
    const inCgroups = this.#cgroups().flatMap((cgroup) =>
      readLines(join(cgroup, 'cgroup.procs')).map(Number),
    );
    const naming = runningProcesses()
      .filter(({ pid, command }) => pid !== process.pid && command.includes(`${this.folder}/`))
      .map(({ pid }) => pid);
    return [...new Set([...inCgroups, ...naming])];
  }

  /** Folders of the workspace's cgroup and those below it, in all hierarchies, deepest first. */
  #cgroups(): string[] {
    return cgroupMounts()
      .map((mount) => join(mount.folder, this.cgroup))
      .filter((root) => existsSync(root))
      .flatMap((root) => [...subfolders(root), root]);
  }

  /** Mount points below the folder, last mounted first. */
  #mounts(): string[] {
    return readLines('/proc/self/mountinfo')
      .map((line) => line.split(' ')[4]!)
      .filter((mount) => mount.startsWith(`${this.folder}/`))
      .reverse();
  }
}

function subfolders(root: string): string[] {
  const entries = unlessGone(() => readdirSync(root, { withFileTypes: true })) ?? [];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const folder = join(root, entry.name);
      return [...subfolders(folder), folder];
    });
}

/** Process id with start time, which no later process of that id shares. */
function processIdentity(pid: number): string {
  return `${pid}-${readProcess(pid)?.startTime ?? ''}`;
}

/** None if the file has gone. */
function readLines(file: string): string[] {
  const text = unlessGone(() => readFileSync(file, 'utf8')) ?? '';
  return text.split('\n').filter(Boolean);
}

/** @returns false while the kernel still counts the processes that have just ended */
function removeCgroup(folder: string): boolean {
  try {
    unlessGone(() => rmdirSync(folder));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
