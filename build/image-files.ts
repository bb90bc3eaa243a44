import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DEBIAN, fetchLibraries } from './libraries.ts';
import { type Architecture, fetchNode } from './node-runtime.ts';

/** What Node is linked with; what loads these comes on top. */
const LIBRARIES = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
];

/** Where things are mounted, also when the root is read-only. */
const MOUNT_POINTS = [
  'dev',
  'etc/weka-nri-cpuset',
  'proc',
  'run/weka-nri-cpuset',
  'sys',
  'tmp',
  'var/run/nri',
];

const ETC = {
  'os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="weka-nri-cpuset with libraries of Debian 12"\n',
  passwd: 'root:x:0:0:root:/:/sbin/nologin\n',
  group: 'root:x:0:\n',
};

/**
 * Writes the part of the image below the program: libraries of Debian, told in the way that scanners for known faults read,
 * and a user who cannot log in.
 */
export function writeBase(folder: string, architecture: Architecture): void {
  const debian = fetchLibraries(architecture);
  const { triplet, loader } = DEBIAN[architecture];
  const folders = [`lib/${triplet}`, `usr/lib/${triplet}`];
  for (const name of LIBRARIES) {
    const place = folders.find((each) => existsSync(join(debian, 'root', each, name)));
    if (place === undefined) throw new Error(`Debian's packages for ${architecture} have no ${name}`);
    copy(join(debian, 'root', place, name), join(folder, place, name));
  }
  copy(join(debian, 'root/lib', triplet, basename(loader)), join(folder, loader), 0o755);
  for (const name of readdirSync(join(debian, 'control'))) {
    copy(join(debian, 'control', name), join(folder, 'var/lib/dpkg/status.d', name));
    const copyright = join('usr/share/doc', name, 'copyright');
    copy(join(debian, 'root', copyright), join(folder, copyright));
  }
  for (const point of MOUNT_POINTS) mkdirSync(join(folder, point), { recursive: true });
  for (const [name, text] of Object.entries(ETC)) writeFileSync(join(folder, 'etc', name), text);
}

/** Writes the part of the image that every version has of its own: the program, and by whose leave. */
export function writeProgram(folder: string, architecture: Architecture, executable: string): void {
  copy(executable, join(folder, 'weka-cpuset'), 0o755);
  const documents = join(folder, 'usr/share/doc/weka-cpuset');
  copy('LICENSE', join(documents, 'copyright'));
  copy(join(fetchNode(architecture), 'LICENSE'), join(documents, 'copyright-of-node'));
  copy('dist/third-party-licenses.txt', join(documents, 'copyright-of-modules'));
}

function copy(from: string, to: string, mode = 0o644): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}
