import { dirname, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { globMatcher } from '../glob.ts';
import type { Node } from './node.ts';
import { lookUp, strings, type Table } from './tables.ts';

export interface TomlFile {
  readonly path: string;
  readonly table: Table;
}

/** A configuration that is spread over several files. */
export interface TomlFiles {
  /** What was read, in order, by paths relative to the host's root; a file that could not be read counts as empty. */
  readonly files: readonly TomlFile[];
  /** Why a file could not be read, one line for each. */
  readonly problems: readonly string[];
}

/**
 * Reads TOML files, and those that they name in `imports`, in containerd's order: all that a file imports come after all that
 * were to come before (containerd-config.toml(5)). Each file is read once.
 *
 * @param paths relative to the host's root
 */
export function readTomlFiles(node: Node, paths: readonly string[]): TomlFiles {
  const pending = [...paths];
  const files: TomlFile[] = [];
  const problems: string[] = [];
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    if (files.some((file) => file.path === path)) continue;
    const folder = dirname(path);
    const table = readTable(node, path, problems);
    files.push({ path, table });
    pending.push(...strings(lookUp(table, 'imports')).flatMap((pattern) => expand(node, pattern, folder)));
  }
  return { files, problems };
}

function readTable(node: Node, path: string, problems: string[]): Table {
  const text = node.read(path);
  if (text === undefined) {
    problems.push(`/${path} cannot be read (${node.obstacle(path) ?? 'no file, or a very long one'})`);
    return {};
  }
  try {
    return parse(text);
  } catch (failure) {
    if (!(failure instanceof TomlError)) throw failure;
    // What follows the first line is an excerpt of the file.
    const [reason] = failure.message.split('\n');
    problems.push(`/${path}, line ${failure.line}: ${reason}`);
    return {};
  }
}

/** The files that a path stands for, in the order of their names; wildcards are known in the last part only. */
export function expand(node: Node, pattern: string, base: string): readonly string[] {
  const path = pattern.startsWith('/') ? join(pattern).slice(1) : join(base, pattern);
  if (!path.includes('*')) return [path];
  const folder = dirname(path);
  const matches = globMatcher([path.slice(folder.length + 1)]);
  return node
    .list(folder)
    .filter(matches)
    .sort()
    .map((name) => join(folder, name));
}
