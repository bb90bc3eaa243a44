import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Architecture } from './node-runtime.ts';

/** How Debian, and OCI images, call an architecture, and where Debian has its libraries. */
export const DEBIAN = {
  x64: { name: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  arm64: { name: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
} as const;

/** Those that Node needs, and the package with the copyright of some of them. */
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'gcc-12-base'];

/**
 * Fetches Debian's libraries for an architecture, once.
 *
 * @returns the folder with what `debian-packages.sh` makes
 */
export function fetchLibraries(architecture: Architecture): string {
  return fetchPackages(architecture, `.cache/libraries-${DEBIAN[architecture].name}`, PACKAGES);
}

/** The command that runs programs of an architecture on this machine: none, or an emulator. */
export function emulatorOf(architecture: Architecture): readonly string[] {
  if (architecture === process.arch) return [];
  const emulator = fetchPackages(process.arch as Architecture, '.cache/emulator', ['qemu-user-static']);
  const [processor] = DEBIAN[architecture].triplet.split('-');
  return [
    resolve(emulator, `root/usr/bin/qemu-${processor}-static`),
    '-L',
    resolve(fetchLibraries(architecture), 'root'),
  ];
}

function fetchPackages(architecture: Architecture, folder: string, packages: readonly string[]): string {
  const script = resolve(import.meta.dirname, 'debian-packages.sh');
  execFileSync(script, [DEBIAN[architecture].name, folder, ...packages], { stdio: 'inherit' });
  return folder;
}
