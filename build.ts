import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type BuildOptions, build } from 'esbuild';

// Makes dist/weka-cpuset.cjs, the whole program in one file, a file beside it for each kind of worker thread, and
// bin/weka-cpuset, which starts it.

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

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
  define: { PACKAGE_VERSION: JSON.stringify(version), 'import.meta.filename': '__filename' },
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
