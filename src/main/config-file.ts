import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { GivenSetting } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { SettingValue } from './settings.ts';
import { checkLength, explained, readTextFile } from './text-file.ts';

/** Longest configuration that is looked at, in bytes; of a folder, all files together. */
export const MAX_CONFIG_BYTES = 64 * 1024;
/** More files than a folder of settings can have: it is some other folder. */
const MAX_FILES = 100;
const LIMITS = { maxBytes: MAX_CONFIG_BYTES };

/**
 * Reads the settings of a YAML file, or of a folder in which every file is one setting (its name the key, its content the
 * YAML value), which is how Kubernetes mounts a ConfigMap.
 *
 * @throws ConfigError when it is missing, unreadable, no file or folder, too long or not YAML
 */
export async function readConfig(path: string): Promise<readonly GivenSetting[]> {
  const name = `config file ${path}`;
  try {
    return (await stat(path)).isDirectory()
      ? await readFolder(path, name)
      : parseSettings(await readTextFile(path, name, LIMITS), name);
  } catch (error) {
    throw explained(error, name);
  }
}

/**
 * The settings of a YAML mapping. A blank text holds none.
 *
 * @param name what the text is, for error messages
 * @throws ConfigError when it is too long or no YAML mapping
 */
export function parseSettings(text: string, name: string): readonly GivenSetting[] {
  const { root, where } = parseYaml(text, name);
  if (root === null || (isScalar(root) && root.value === '')) return [];
  if (!isMap<Node, Node | null>(root)) {
    throw new ConfigError(`${where(root)}: must be a mapping of settings such as "minSharedCpus: 1"`);
  }
  return root.items.map(({ key, value }) => {
    if (!isScalar(key)) throw new ConfigError(`${where(key)}: a setting's name must be plain text`);
    return { key: String(key.value), value: plain(value), where: where(key) };
  });
}

async function readFolder(folder: string, name: string): Promise<readonly GivenSetting[]> {
  // The kubelet replaces a ConfigMap by turning the link `..data` to a new folder; reading where it leads now sees either
  // all old values or all new ones.
  const data = await realpath(join(folder, '..data')).catch(() => folder);
  const settings: GivenSetting[] = [];
  let bytes = 0;
  for (const key of await keysIn(data, name)) {
    const where = `config file ${join(folder, key)}`;
    const text = await readTextFile(join(data, key), where, LIMITS);
    bytes += Buffer.byteLength(text);
    checkLength(bytes, name, MAX_CONFIG_BYTES);
    settings.push({ key, value: plain(parseYaml(text, where).root), where });
  }
  return settings;
}

/** The names of the files in a folder that are settings, in order. */
async function keysIn(folder: string, name: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const entry of await opendir(folder)) {
    if (entry.name.startsWith('.')) continue;
    keys.push(entry.name);
    if (keys.length > MAX_FILES) {
      throw new ConfigError(`${name}: has more than ${MAX_FILES} files, but each has to be a setting`);
    }
  }
  return keys.sort();
}

interface Yaml {
  readonly root: Node | null;
  /** Where a node stands, to start an error message with. */
  where(node: Node): string;
}

/**
 * Parses YAML with every scalar kept as the text that was written. Aliases are refused: no setting needs them, and a few
 * hundred bytes of them can stand for gigabytes.
 */
function parseYaml(text: string, name: string): Yaml {
  checkLength(Buffer.byteLength(text), name, MAX_CONFIG_BYTES);
  const lineCounter = new LineCounter();
  const document = parseDocument<Node>(text, {
    schema: 'failsafe',
    resolveKnownTags: false,
    prettyErrors: false,
    lineCounter,
  });
  const line = (offset: number) => `${name}, line ${lineCounter.linePos(offset).line}`;
  const where = (node: Node) => line(node.range?.[0] ?? 0);
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const { col } = lineCounter.linePos(problem.pos[0]);
    const what =
      problem.code === 'MULTIPLE_DOCS'
        ? 'a second YAML document begins: the settings have to be one'
        : `not YAML: ${problem.message}`;
    throw new ConfigError(`${line(problem.pos[0])}, column ${col}: ${what}`);
  }
  visit(document, (_, node) => {
    if (isAlias(node)) throw new ConfigError(`${where(node)}: YAML aliases are not allowed`);
  });
  return { root: document.contents, where };
}

/** A node as plain text, lists and maps; an absent value is the empty text. */
function plain(node: Node | null): SettingValue {
  return (node?.toJSON() as SettingValue | undefined) ?? '';
}
