import { basename } from 'node:path';
import { type BuildOptions, build, type Metafile, transform } from 'esbuild';

/**
 * What is loaded together at start, in this order: the modules named here and all they need that no earlier pack has.
 * What no pack needs is in the last one. A module that is missing here is only loaded later and not so fast.
 */
const PACKS = {
  /** Until the registration is sent. */
  register: ['src/main/index.ts', 'src/workers/host-thread.ts', 'src/main/run.ts'],
  /** Until events are answered. */
  serve: ['src/main/log.ts', 'node_modules/pino/pino.js', 'src/main/daemon.ts', 'src/main/admin/admin.ts'],
  /** Until events are answered, where there are settings. */
  settings: ['src/main/config.ts', 'src/main/config-watch.ts', 'src/main/config-file.ts'],
  /** By a plugin that runs, when there is time or it is first asked. */
  later: [
    'src/main/admin/metrics.ts',
    'src/main/rehearsal.ts',
    'src/main/lease/messages.ts',
    'src/main/lease/waiting.ts',
    'node_modules/piscina/dist/esm-wrapper.mjs',
  ],
  commands: [],
};

/** Packs that have to be there quickly. */
export const CACHED_PACKS = ['register', 'serve', 'settings'];

export interface Packs {
  /** The text of each, by name. */
  readonly packs: ReadonlyMap<string, string>;
  readonly metafile: Metafile;
}

type Outputs = Readonly<Record<string, Metafile['outputs'][string]>>;

/**
 * Bundles the program into packs, by name: scripts that evaluate to the functions of their modules (src/start/program.ts).
 * A module is what esbuild's splitting makes: all that is always loaded together.
 */
export async function bundlePacks(options: BuildOptions): Promise<Packs> {
  const { metafile, outputFiles } = await build({
    ...options,
    entryPoints: [{ in: 'src/main/index.ts', out: 'program' }],
    format: 'esm',
    splitting: true,
    metafile: true,
    write: false,
  });
  const outputs = Object.fromEntries(
    Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  const packOf = assignPacks(outputs);
  const packs = new Map(Object.keys(PACKS).map((pack) => [pack, '({\n']));
  for (const { path, text } of outputFiles) {
    const name = basename(path);
    const pack = packOf.get(name)!;
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: options.target!,
      minifySyntax: true,
      supported: { 'dynamic-import': false },
    });
    const body = code.replaceAll(
      /\brequire\("\.\/([^"]+)"\)/g,
      (_, id) => `require("./${packOf.get(id)}/${stem(id)}")`,
    );
    const parameters = 'require, module, exports, __filename, __dirname';
    packs.set(pack, `${packs.get(pack)}"${stem(name)}": function (${parameters}) {\n${body}\n},\n`);
  }
  for (const [pack, text] of packs) packs.set(pack, `${text}})\n`);
  return { packs, metafile };
}

function assignPacks(outputs: Outputs): ReadonlyMap<string, string> {
  const packOf = new Map<string, string>();
  const assign = (name: string, pack: string): void => {
    if (packOf.has(name)) return;
    packOf.set(name, pack);
    for (const { kind, path, external } of outputs[name]!.imports) {
      if (kind === 'import-statement' && !external) assign(basename(path), pack);
    }
  };
  for (const [pack, entries] of Object.entries(PACKS)) {
    for (const entry of entries) {
      const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(entry));
      if (found === undefined)
        throw new Error(`${entry} is not loaded by a dynamic import: it is in a pack already`);
      assign(found[0], pack);
    }
  }
  const last = Object.keys(PACKS).at(-1)!;
  for (const name of Object.keys(outputs)) assign(name, last);
  return packOf;
}

function stem(name: string): string {
  return basename(name, '.js');
}
