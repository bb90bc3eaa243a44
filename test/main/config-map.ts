import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let versions = 0;

/**
 * Gives a mounted ConfigMap new content as the kubelet does (its AtomicWriter): a new folder, a link `..data` to it that
 * replaces the old one in one step, and links beside it, made once, that lead through `..data`. The old folder goes.
 */
export function swapConfigMap(folder: string, files: Readonly<Record<string, string>>): void {
  const data = join(folder, '..data');
  const old = linked(data);
  const version = `..version-${++versions}`;
  mkdirSync(join(folder, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text);
  symlinkSync(version, `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  for (const name of Object.keys(files)) {
    const link = join(folder, name);
    if (linked(link) === undefined) symlinkSync(join('..data', name), link);
  }
  if (old !== undefined) rmSync(join(folder, old), { recursive: true });
}

function linked(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
