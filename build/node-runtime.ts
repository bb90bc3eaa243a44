import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import runtimes from './node-runtimes.json' with { type: 'json' };

export type Architecture = 'x64' | 'arm64';

export const ARCHITECTURES: readonly Architecture[] = ['x64', 'arm64'];

/**
 * The version of Node in the single executables: of the line with long-term support the newest release that the registry
 * has for both architectures. Of line 24, not 26, since that one's also needs libatomic, which small hosts do not have.
 */
export const NODE_VERSION: string = runtimes.version;

/** Checksums of these packages, as npm has them. */
export const NODE_INTEGRITY: Readonly<Record<Architecture, string>> = runtimes.integrity;

/**
 * Fetches Node for an architecture, once: from npm, as a package that is no dependency of ours, since it is large.
 *
 * @returns the folder with `bin/node` and `LICENSE`
 * @throws Error when the package is not the one whose checksum we know
 */
export function fetchNode(architecture: Architecture): string {
  const folder = join('.cache/node', `${NODE_VERSION}-${architecture}`);
  if (existsSync(folder)) return folder;
  const made = `${folder}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  const name = `node-linux-${architecture}@${NODE_VERSION}`;
  execFileSync('npm', ['pack', '--silent', '--pack-destination', made, name], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = join(made, readdirSync(made)[0]!);
  const sum = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (sum !== NODE_INTEGRITY[architecture]) throw new Error(`npm has a ${name} that is not the one we know`);
  const wanted = ['package/bin/node', 'package/LICENSE'];
  execFileSync('tar', ['-xzf', archive, '-C', made, '--strip-components=1', ...wanted]);
  rmSync(archive);
  renameSync(made, folder);
  return folder;
}
