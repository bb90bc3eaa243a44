import { join, parse } from 'node:path';

/** What a worker thread is started with. */
export interface WorkerFile {
  readonly path: string;
  readonly execArgv: readonly string[];
}

/**
 * Where the worker thread `name` starts: `name.worker.cjs` beside the bundle, or `name.worker.ts` beside this file when the
 * program runs from its sources, with what Node then needs to load TypeScript.
 */
export function workerFile(name: string): WorkerFile {
  // The build replaces this by the bundle's own path: CommonJS has no import.meta.
  const { dir, ext } = parse(import.meta.filename);
  return { path: join(dir, `${name}.worker${ext}`), execArgv: ext === '.ts' ? ['--import', 'tsx'] : [] };
}
