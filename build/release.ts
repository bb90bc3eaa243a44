import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeBillOfMaterials } from './bill-of-materials.ts';
import { executableName } from './executable.ts';
import { imageName } from './image.ts';
import { ARCHITECTURES, fetchNode } from './node-runtime.ts';
import { packFolder } from './reproducible.ts';

const { name, version, description, license, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

/** What is in dist/ for those who have a Node: all but what only this machine's could use. */
const PORTABLE = /\.c?js$|^package\.json$|^third-party-licenses/;

/** Node is not where it was when this was built. */
const LAUNCHER = `#!/bin/sh
self=$(readlink -f "$0")
exec node "\${self%/bin/*}/dist/weka-cpuset.cjs" "$@"
`;

/** Makes a folder with all that a release consists of, executables and images taken from the folder `built`. */
export function makeRelease(built: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ARCHITECTURES.flatMap((each) => [executableName(each), imageName(each)])) {
    copyFileSync(join(built, file), join(folder, file));
  }
  packForNode(folder);
  pack('deploy/helm/weka-nri-cpuset', `${name}/`, join(folder, `${name}-${version}.tgz`));
  packDeployment(join(folder, `${name}-deploy-${version}.tgz`));
  const licenses = ['LICENSE', join(fetchNode('x64'), 'LICENSE'), 'dist/third-party-licenses.txt'];
  const texts = licenses.map((file) => readFileSync(file, 'utf8'));
  writeFileSync(join(folder, 'LICENSES'), texts.join(`\n${'-'.repeat(80)}\n\n`));
  const materials = JSON.stringify(makeBillOfMaterials(), undefined, 2);
  writeFileSync(join(folder, `${name}-${version}.cdx.json`), `${materials}\n`);
  const sums = readdirSync(folder)
    .sort()
    .map((file) => `${sha256(join(folder, file))}  ${file}\n`);
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
}

/** The npm package: the program for the Node of any platform. It needs no other package. */
function packForNode(folder: string): void {
  const stage = mkdtempSync('.cache/release-');
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE', 'docs']) {
    cpSync(file, join(stage, file), { recursive: true });
  }
  for (const file of readdirSync('dist').filter((each) => PORTABLE.test(each) && each !== 'executable.cjs')) {
    cpSync(join('dist', file), join(stage, 'dist', file));
  }
  mkdirSync(join(stage, 'bin'));
  writeFileSync(join(stage, 'bin/weka-cpuset'), LAUNCHER, { mode: 0o755 });
  const bin = { 'weka-cpuset': 'bin/weka-cpuset' };
  const manifest = { name, version, description, license, engines, os: ['linux'], bin };
  writeFileSync(join(stage, 'package.json'), JSON.stringify(manifest, undefined, 2));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', stage, `./${stage}`], { stdio: 'pipe' });
  copyFileSync(join(stage, `${name}-${version}.tgz`), join(folder, `${name}-node-${version}.tgz`));
  rmSync(stage, { recursive: true });
}

/** Manifests, chart and scripts, with what is to be read about them. */
function packDeployment(archive: string): void {
  const stage = mkdtempSync('.cache/release-');
  for (const part of ['deploy', 'docs', 'LICENSE']) {
    cpSync(part, join(stage, part), { recursive: true, verbatimSymlinks: true });
  }
  pack(stage, `${name}-${version}/`, archive);
  rmSync(stage, { recursive: true });
}

function pack(folder: string, prefix: string, archive: string): void {
  packFolder(folder, archive, prefix);
  writeFileSync(archive, gzipSync(readFileSync(archive)));
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
