import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type BuildOptions, build } from 'esbuild';

// Makes dist/weka-cpuset.cjs, the whole program in one file with the page in it, a file beside it for each kind of worker
// thread, dist/page for those who run the source as it is, and bin/weka-cpuset, which starts the program.

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const page = 'src/main/admin/page';
await build({
  outdir: 'dist/page',
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
  logLevel: 'warning',
});
const pageFiles = readdirSync('dist/page').map((file) => [file, readFileSync(`dist/page/${file}`, 'utf8')]);

const options: BuildOptions = {
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Less to read at every start. Names stay: they are in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'linked',
  // Beside the program, where nothing reads it but `node --enable-source-maps`.
  sourcemap: 'linked',
  define: {
    PACKAGE_VERSION: JSON.stringify(version),
    PAGE_FILES: JSON.stringify(Object.fromEntries(pageFiles)),
    'import.meta.filename': '__filename',
    'import.meta.dirname': '__dirname',
  },
  logLevel: 'warning',
};

const workers = readdirSync('src/workers').filter((file) => file.endsWith('.worker.ts'));
await build({
  ...options,
  entryPoints: [
    { in: 'src/main/index.ts', out: 'weka-cpuset' },
    ...workers.map((file) => ({ in: `src/workers/${file}`, out: file.replace(/\.ts$/, '') })),
  ],
  outExtension: { '.js': '.cjs' },
});

// Piscina starts its threads with the file worker.js of the folder that it is in itself: by this name, so dist is a folder
// of CommonJS. Of what it asks for, it needs @napi-rs/nice only to change priorities.
await build({
  ...options,
  entryPoints: { worker: 'node_modules/piscina/dist/worker.js' },
  external: ['@napi-rs/nice'],
});
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n');

// The runtime starts a plugin by a link and with nearly no environment, and the folder may have been moved after the build.
// So the program is found from where this script really is, and node is the one of the build as long as it is there.
const launcher = `#!/bin/sh
self=$(readlink -f "$0")
node='${process.execPath}'
[ -x "$node" ] || node=node
exec "$node" "\${self%/bin/*}/dist/weka-cpuset.cjs" "$@"
`;
mkdirSync('bin', { recursive: true });
writeFileSync('bin/weka-cpuset', launcher);
chmodSync('bin/weka-cpuset', 0o755);
