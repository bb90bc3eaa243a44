import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { PluginCommand } from './plugin-command.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const GO_SOURCE = join(import.meta.dirname, 'reference/noop-go');

/** This project's plugin, as it is built. */
export const OURS: PluginCommand = {
  name: 'weka-cpuset',
  command: `${PROJECT}/bin/weka-cpuset run --socket {socket} --host-root {host-root} --admin-socket {folder}/admin.sock --log-level error`,
};

/** Does nothing, in Node: what it takes is what transport, kernel and Node cost any plugin in Node. */
export const NOOP: PluginCommand = {
  name: 'noop',
  command: `${process.execPath} ${import.meta.dirname}/reference/noop.cjs {socket}`,
};

/** Name of the plugin that `noopInGo` builds. */
export const NOOP_GO = 'noop-go';

/**
 * Does nothing, in Go with the NRI project's library; built if it has not been.
 *
 * Rejects with an error that says why it cannot be built, for instance without Go.
 */
export async function noopInGo(): Promise<PluginCommand> {
  const folder = join(PROJECT, '.cache/bench');
  const program = join(folder, NOOP_GO);
  mkdirSync(folder, { recursive: true });
  await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: GO_SOURCE });
  return { name: NOOP_GO, command: `${program} {socket}` };
}
