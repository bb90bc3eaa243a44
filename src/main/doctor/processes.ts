import { basename, resolve } from 'node:path';
import type { Node } from './node.ts';

/** A running process, from `/proc/PID/cmdline`. */
export interface Process {
  readonly id: number;
  /** File name of the program. */
  readonly program: string;
  readonly args: readonly string[];
}

/** Processes that the node shows; none if it is a copy of files, or our view is limited to a container. */
export function readProcesses(node: Node): readonly Process[] {
  return node
    .list('proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((id): Process[] => {
      // Kernel threads have an empty command line.
      const [program, ...args] = (node.read(`proc/${id}/cmdline`) ?? '').split('\0');
      if (program === undefined || program === '') return [];
      return [{ id, program: basename(program.split(' ')[0]!), args: args.filter((arg) => arg !== '') }];
    });
}

/** The value of the last `--name value` or `--name=value` (with one dash or two); undefined if there is none. */
export function flagValue(args: readonly string[], ...names: readonly string[]): string | undefined {
  let value: string | undefined;
  args.forEach((arg, position) => {
    const [, name, inline] = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name !== undefined && names.includes(name)) value = inline ?? args[position + 1];
  });
  return value;
}

/**
 * The file that a process means by a path on its command line, relative to the host's root: a path that does not begin at the
 * root begins in the process's working directory, where one is known.
 */
export function fileOf(node: Node, process: Process | undefined, path: string): string {
  const folder = process && `proc/${process.id}/cwd`;
  // Whoever may not read where the link leads is told that by the attempt to read a file below it.
  const from = folder === undefined ? '/' : (node.link(folder) ?? `/${folder}`);
  return resolve('/', from, path).slice(1);
}
