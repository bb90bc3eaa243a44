/**
 * Makes generated/NAME.js and generated/NAME.d.ts of every NAME.proto beside this file (`npm run generate`). With `--check`
 * it writes nothing and fails when that would change anything.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { pbjs } from 'protobufjs-cli';

const PBJS_OPTIONS =
  '--target static-module --wrap esm --no-create --no-verify --no-convert --no-delimited --no-typeurl --no-service --no-comments';

/** TypeScript types of the protobuf types in use. 64-bit integers are numbers, see protobuf.ts. */
const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  bytes: 'Uint8Array',
  int32: 'number',
  uint32: 'number',
  int64: 'number',
  uint64: 'number',
};

const directory = import.meta.dirname;
const check = process.argv.includes('--check');
for (const file of readdirSync(directory).filter((name) => name.endsWith('.proto'))) {
  const source = readFileSync(join(directory, file), 'utf8');
  const base = join(directory, 'generated', file.replace(/\.proto$/, ''));
  const header = `// Generated from ${file} by generate.ts. Do not edit.\n`;
  put(`${base}.js`, header + (await javascript(file, source)));
  put(`${base}.d.ts`, header + declarations(source));
}

function put(path: string, content: string): void {
  if (!check) {
    writeFileSync(path, content);
  } else if (readFileSync(path, 'utf8') !== content) {
    console.error(`${path} is not what its .proto says: run npm run generate`);
    process.exitCode = 1;
  }
}

/** protobufjs-cli's encoders and decoders as direct exports, on top of our configured protobufjs. */
async function javascript(name: string, source: string): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'generate-'));
  try {
    // Without the package the messages are exports of the module, not members of four nested objects.
    const flat = join(scratch, name);
    writeFileSync(flat, source.replace(/^package .*$/m, ''));
    const code = await new Promise<string>((resolve, reject) => {
      pbjs.main([...PBJS_OPTIONS.split(' '), '--root', name, flat], (error, output) =>
        error === null ? resolve(output ?? '') : reject(error),
      );
    });
    return code
      .replace(/^import \$protobuf from .*$/m, "import { protobuf as $protobuf } from '../protobuf.ts';")
      .replace(/^export \{\s*\$root as default\s*\};\s*/m, '');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** One interface per message, as decoded: scalars are always there, absent messages are null. */
function declarations(source: string): string {
  const { root } = protobuf.parse(source, { alternateCommentMode: true });
  root.resolveAll();
  const blocks = messages(root).map((type) => {
    const fields = type.fieldsArray.map(
      (field) => `${comment(field.comment, '  ')}  readonly ${field.name}: ${typeOf(field)};\n`,
    );
    return (
      `${comment(type.comment, '')}export interface ${type.name} {\n${fields.join('')}}\n` +
      `export const ${type.name}: MessageType<${type.name}>;\n`
    );
  });
  return `import type { MessageType } from '../protobuf.ts';\n\n${blocks.join('\n')}`;
}

function messages(namespace: protobuf.NamespaceBase): readonly protobuf.Type[] {
  return namespace.nestedArray.flatMap((nested) => {
    if (nested instanceof protobuf.Type) return [nested];
    return nested instanceof protobuf.Namespace ? messages(nested) : [];
  });
}

function typeOf(field: protobuf.Field): string {
  const type = SCALARS[field.type] ?? field.type;
  if (field.map) return `Readonly<Record<string, ${type}>>`;
  if (field.repeated) return `readonly ${type}[]`;
  return field.type in SCALARS ? type : `${type} | null`;
}

function comment(text: string | null, indent: string): string {
  return text === null ? '' : `${indent}/** ${text.replaceAll('\n', `\n${indent} * `)} */\n`;
}
