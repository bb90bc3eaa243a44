import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { executableName, makeExecutable } from './executable.ts';
import { makeImage } from './image.ts';
import { writeBase, writeProgram } from './image-files.ts';
import { ARCHITECTURES } from './node-runtime.ts';
import { makeRelease } from './release.ts';

// Usage: tsx build/make.ts executable|image [--image NAME[:TAG]] [--folder FOLDER] [ARCHITECTURE...]
//        tsx build/make.ts root --folder FOLDER ARCHITECTURE
//        tsx build/make.ts release [--folder FOLDER]
// Makes what is shipped of what was made before: executables of dist/, images or the root folder of one of executables, and
// a release of them all.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { image: { type: 'string', default: 'weka-nri-cpuset' }, folder: { type: 'string' } },
});
const [what, ...wanted] = positionals;
const architectures = ARCHITECTURES.filter((each) => wanted.length === 0 || wanted.includes(each));
const folder = values.folder ?? 'bin';
switch (what) {
  case 'executable':
    for (const architecture of architectures) makeExecutable(architecture, folder);
    break;
  case 'image':
    for (const architecture of architectures) makeImage(architecture, values.image, folder);
    break;
  case 'root': {
    const [architecture] = architectures;
    writeBase(folder, architecture!);
    writeProgram(folder, architecture!, join('bin', executableName(architecture!)));
    break;
  }
  case 'release':
    makeRelease('bin', values.folder ?? 'dist-release');
    break;
  default:
    throw new Error(`there is no ${what} to be made`);
}
