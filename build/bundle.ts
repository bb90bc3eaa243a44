import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { bundlePacks, CACHED_PACKS } from './packs.ts';
import { thirdParties } from './third-party.ts';

// Makes dist/: the program in packs with their code caches (packs.ts), weka-cpuset.cjs, which starts it, a file for each kind
// of worker thread, and page/ for those who run the source as it is. And bin/weka-cpuset, which finds dist/.

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

// What is there stays until all is made.
mkdirSync('.cache', { recursive: true });
const made = mkdtempSync('.cache/dist-');
chmodSync(made, 0o755);

const page = 'src/main/admin/page';
const pageBuild = await build({
  outdir: `${made}/page`,
  entryPoints: [
    { in: `${page}/index.html`, out: 'index' },
    { in: `${page}/main.tsx`, out: 'page' },
    { in: `${page}/page.css`, out: 'page' },
    { in: `${page}/icon.svg`, out: 'icon' },
  ],
  loader: { '.html': 'copy', '.svg': 'copy' },
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  minify: true,
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
});
const pageFiles = readdirSync(`${made}/page`).map((file) => [
  file,
  readFileSync(`${made}/page/${file}`, 'utf8'),
]);

/**
 * protobufjs takes this package along, and src/protocol/protobuf.ts takes it out again: to load it is a WebAssembly module more, and
 * with that 1 ms until a plugin has registered.
 */
const withoutLong: Plugin = {
  name: 'without long',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^long$/ }, ({ path }) => ({ path, namespace: 'without' }));
    onLoad({ filter: /^long$/, namespace: 'without' }, () => ({ contents: 'module.exports = null;' }));
  },
};

const options: BuildOptions = {
  outdir: made,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Names and lines stay: they are in stack traces.
  minifySyntax: true,
  legalComments: 'none',
  plugins: [withoutLong],
  define: {
    PACKAGE_VERSION: JSON.stringify(version),
    PAGE_FILES: JSON.stringify(Object.fromEntries(pageFiles)),
    'import.meta.filename': '__filename',
    'import.meta.dirname': '__dirname',
  },
  logLevel: 'warning',
};

const { packs, metafile } = await bundlePacks(options);
for (const [name, text] of packs) writeFileSync(`${made}/${name}.cjs`, text);
execFileSync(process.execPath, ['--random-seed=1', 'build/make-code-cache.cjs', made, ...CACHED_PACKS]);

const workers = readdirSync('src/workers').filter((file) => file.endsWith('.worker.ts'));
const otherBuild = await build({
  ...options,
  metafile: true,
  entryPoints: [
    { in: 'src/start/installed.ts', out: 'weka-cpuset' },
    { in: 'src/start/executable.ts', out: 'executable' },
    ...workers.map((file) => ({ in: `src/workers/${file}`, out: file.replace(/\.ts$/, '') })),
  ],
  outExtension: { '.js': '.cjs' },
});

// Piscina starts its threads with the file worker.js of the folder that it is in itself: by this name, so dist is a folder
// of CommonJS. Of what it asks for, it needs @napi-rs/nice only to change priorities.
const piscinaBuild = await build({
  ...options,
  metafile: true,
  entryPoints: { worker: 'node_modules/piscina/dist/worker.js' },
  external: ['@napi-rs/nice'],
});
writeFileSync(`${made}/package.json`, '{ "type": "commonjs" }\n');

const metafiles = [metafile, pageBuild.metafile, otherBuild.metafile, piscinaBuild.metafile];
const parts = thirdParties(metafiles.flatMap(({ inputs }) => Object.keys(inputs)));
const notices = parts.map(
  ({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`,
);
writeFileSync(`${made}/third-party-licenses.txt`, notices.join(`\n${'-'.repeat(80)}\n\n`));
writeFileSync(`${made}/third-party.json`, JSON.stringify(parts.map(({ text, ...part }) => part)));
rmSync('dist', { recursive: true, force: true });
renameSync(made, 'dist');

// The runtime starts a plugin by a link and with nearly no environment, and the folder may have been moved after the build.
// So the program is found from where this script really is, and node is the one of the build as long as it is there. The
// setting has the C library give back the memory of large messages once they are read: 3 to 5 MB less, for good. Extra CA
// certificates are of no use here, and would double the time that Node takes to start. To ask where a link leads takes 1 ms: only
// where there is one, or where this is called from its own folder.
const launcher = `#!/bin/sh
self=$0
if [ -h "$self" ] || [ ! -f "\${self%/bin/*}/dist/weka-cpuset.cjs" ]; then self=$(readlink -f "$self"); fi
node='${process.execPath}'
[ -x "$node" ] || node=node
export MALLOC_MMAP_THRESHOLD_=131072
unset NODE_EXTRA_CA_CERTS
exec "$node" "\${self%/bin/*}/dist/weka-cpuset.cjs" "$@"
`;
mkdirSync('bin', { recursive: true });
writeFileSync('bin/weka-cpuset', launcher);
chmodSync('bin/weka-cpuset', 0o755);
