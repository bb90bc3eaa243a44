import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';

// What is made twice from the same commit is the same: dates come from the commit, and names are in order.

/** The commit; empty outside of a repository. */
export const REVISION = git('rev-parse', 'HEAD');

const { SOURCE_DATE_EPOCH } = process.env;

/** When what is built was last changed: SOURCE_DATE_EPOCH where it is set, else the date of the commit. */
export const SOURCE_DATE = new Date(
  Number(SOURCE_DATE_EPOCH ?? (git('log', '-1', '--format=%ct') || 0)) * 1000,
);

/** Packs what is in a folder, as root's, into a tar archive; `prefix` comes before all names. */
export function packFolder(folder: string, archive: string, prefix = ''): void {
  execFileSync('tar', [
    `--directory=${folder}`,
    '--sort=name',
    '--format=gnu',
    `--mtime=@${SOURCE_DATE.getTime() / 1000}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
    `--transform=flags=r;s,^,${prefix},`,
    `--file=${resolve(archive)}`,
    '--create',
    ...readdirSync(folder).sort(),
  ]);
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
