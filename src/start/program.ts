import { join } from 'node:path';
import { Script } from 'node:vm';

/** Requires a module that is not of the program. */
export type Require = (id: string) => unknown;

/** Where the files of the program are. */
export interface ProgramFiles {
  /** The folder they are in, or seem to be in. */
  readonly folder: string;
  /** @throws Error when there is no such file */
  read(name: string): Buffer;
}

/** A pack of modules, as the build writes it: the function of each, by name. */
type Pack = Readonly<
  Record<
    string,
    (require: Require, module: Module, exports: unknown, __filename: string, __dirname: string) => void
  >
>;

interface Module {
  exports: unknown;
}

/**
 * Starts the program. Its modules are in a few packs (build/packs.ts), each read when first something in it is needed,
 * with the code that V8 made of it at build time. What is needed to register with the runtime is a pack of its own: a
 * plugin that the runtime starts holds up the runtime until it has registered. Of 50 ms for that on top of Node's own start,
 * the packs save 15 and their code caches another 15.
 */
export function startProgram(files: ProgramFiles, requireOther: Require): void {
  const packs = new Map<string, Pack>();
  const modules = new Map<string, Module>();

  const require = (id: string): unknown => {
    const [, pack, name] = /^\.\/(\w+)\/(.*)$/.exec(id) ?? [];
    if (pack === undefined || name === undefined) return requireOther(id);
    const known = modules.get(id);
    if (known !== undefined) return known.exports;
    const module: Module = { exports: {} };
    modules.set(id, module);
    if (!packs.has(pack)) packs.set(pack, readPack(files, pack));
    packs.get(pack)![name]!(require, module, module.exports, join(files.folder, `${pack}.cjs`), files.folder);
    return module.exports;
  };
  require('./register/program');
}

function readPack(files: ProgramFiles, pack: string): Pack {
  const name = `${pack}.cjs`;
  return new Script(files.read(name).toString(), {
    filename: join(files.folder, name),
    cachedData: readCodeCache(files, pack),
  }).runInThisContext();
}

/** What V8 made of a pack when it was built, if that was done. Another version of V8 refuses it, which does no harm. */
function readCodeCache(files: ProgramFiles, pack: string): Buffer | undefined {
  try {
    return files.read(`${pack}.code-cache`);
  } catch {
    return undefined;
  }
}
