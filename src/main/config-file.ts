import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { GivenSetting } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { SettingValue } from './settings.ts';

/** Longest configuration that is looked at, in bytes. */
export const MAX_CONFIG_BYTES = 64 * 1024;

/**
 * Reads the settings of a YAML file, or of a folder in which every file is one setting (its name the key, its content the
 * YAML value), which is how Kubernetes mounts a ConfigMap.
 *
 * @throws ConfigError when it is missing, unreadable, too long or not YAML
 */
export async function readConfig(path: string): Promise<readonly GivenSetting[]> {
  const name = `config file ${path}`;
  try {
    return (await stat(path)).isDirectory()
      ? await readFolder(path)
      : parseSettings(await readText(path, name), name);
  } catch (error) {
    throw readable(error, name);
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

async function readFolder(folder: string): Promise<readonly GivenSetting[]> {
  // The kubelet replaces a ConfigMap by turning the link `..data` to a new folder; reading where it leads now sees either
  // all old values or all new ones.
  const data = await realpath(join(folder, '..data')).catch(() => folder);
  const settings: GivenSetting[] = [];
  for (const key of (await readdir(data)).sort()) {
    if (key.startsWith('.')) continue;
    const path = join(data, key);
    const name = `config file ${join(folder, key)}`;
    try {
      settings.push({ key, value: plain(parseYaml(await readText(path, name), name).root), where: name });
    } catch (error) {
      throw readable(error, name);
    }
  }
  return settings;
}

/** The file's text; never more than the limit is read, whatever the file is. */
async function readText(path: string, name: string): Promise<string> {
  if (!(await stat(path)).isFile()) throw new ConfigError(`${name}: is not a file`);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_CONFIG_BYTES + 1), 0);
    checkLength(bytesRead, name);
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
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
  checkLength(Buffer.byteLength(text), name);
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

function checkLength(bytes: number, name: string): void {
  if (bytes > MAX_CONFIG_BYTES) throw new ConfigError(`${name}: is longer than ${MAX_CONFIG_BYTES} bytes`);
}

/** A node as plain text, lists and maps; an absent value is the empty text. */
function plain(node: Node | null): SettingValue {
  return (node?.toJSON() as SettingValue | undefined) ?? '';
}

function readable(error: unknown, name: string): unknown {
  if (error instanceof ConfigError || !(error instanceof Error)) return error;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    ENOTDIR: 'does not exist',
    EACCES: 'may not be read',
    EPERM: 'may not be read',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
  };
  const { code = '' } = error as NodeJS.ErrnoException;
  return new ConfigError(`${name}: ${reasons[code] ?? `cannot be read: ${error.message}`}`);
}
