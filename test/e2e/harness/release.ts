import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXECUTABLE } from './plugin.ts';

const BUILD = join(EXECUTABLE, '../..');

/**
 * The product as built, but for the version that it has of itself.
 *
 * @param folder where it is put, if it is not there yet
 * @returns the path of its executable
 */
export function release(version: string, folder: string): string {
  const root = join(folder, `release-${version}`);
  const executable = join(root, 'bin/weka-cpuset');
  if (existsSync(executable)) return executable;
  cpSync(join(BUILD, 'bin/weka-cpuset'), executable);
  cpSync(join(BUILD, 'dist'), join(root, 'dist'), {
    recursive: true,
    filter: (source) => !/\.(map|code-cache)$/.test(source),
  });
  const { version: own } = JSON.parse(readFileSync(join(BUILD, 'package.json'), 'utf8')) as {
    version: string;
  };
  for (const name of readdirSync(join(root, 'dist')).filter((file) => file.endsWith('.cjs'))) {
    const program = join(root, 'dist', name);
    const text = readFileSync(program, 'utf8');
    if (text.includes(own)) writeFileSync(program, text.replaceAll(`"${own}"`, `"${version}"`));
  }
  return executable;
}
