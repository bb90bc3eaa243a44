import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { emulatorOf } from './libraries.ts';
import { type Architecture, fetchNode } from './node-runtime.ts';
import { CACHED_PACKS } from './packs.ts';

/** What Node calls the program in itself, and the mark in Node that says whether there is one. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Makes `folder`/weka-cpuset-linux-`architecture`: the program of dist/ and Node in one file. */
export function makeExecutable(architecture: Architecture, folder: string): void {
  const node = resolve(fetchNode(architecture), 'bin/node');
  const work = mkdtempSync('.cache/executable-');
  const files = join(work, 'files');
  mkdirSync(files, { recursive: true });
  for (const name of readdirSync('dist').filter((each) => /\.c?js$/.test(each))) {
    copyFileSync(join('dist', name), join(files, name));
  }
  const codeCache = [node, '--random-seed=1', 'build/make-code-cache.cjs', files, ...CACHED_PACKS];
  run([...emulatorOf(architecture), ...codeCache]);

  // Paths in it end up in the executable, so they are those below the folder, which is called otherwise each time.
  const configuration = {
    main: 'files/executable.cjs',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    // NODE_OPTIONS of whoever starts it are for other programs.
    execArgvExtension: 'none',
    assets: Object.fromEntries(
      readdirSync(files)
        .sort()
        .map((name) => [name, `files/${name}`]),
    ),
  };
  writeFileSync(join(work, 'configuration.json'), JSON.stringify(configuration));
  // Such a blob is the same for all architectures, but has to be made by the same version of Node.
  const here = resolve(fetchNode(process.arch as Architecture), 'bin/node');
  run([here, '--experimental-sea-config', 'configuration.json'], work);

  const made = join(work, 'weka-cpuset');
  copyFileSync(node, made);
  run([
    process.execPath,
    'node_modules/postject/dist/cli.js',
    made,
    RESOURCE,
    join(work, 'blob'),
    '--sentinel-fuse',
    FUSE,
  ]);
  mkdirSync(folder, { recursive: true });
  renameSync(made, join(folder, executableName(architecture)));
  rmSync(work, { recursive: true });
}

export function executableName(architecture: Architecture): string {
  return `weka-cpuset-linux-${architecture}`;
}

function run([command, ...args]: readonly string[], folder = '.'): void {
  execFileSync(command!, args, { cwd: folder, stdio: 'pipe' });
}
