import { basename } from 'node:path';

/** A plugin to measure. */
export interface PluginCommand {
  readonly name: string;
  /** For a shell, with placeholders for the Places. */
  readonly command: string;
}

/** What differs from one start of a plugin to another. */
export interface Places {
  /** The runtime's socket. */
  readonly socket: string;
  /** A folder under which the host's `/sys` is found. */
  readonly 'host-root': string;
  /** A folder for the plugin's own sockets and files. */
  readonly folder: string;
}

const PLACEHOLDERS: readonly (keyof Places)[] = ['socket', 'host-root', 'folder'];

/** The command with its placeholders filled in. */
export function commandAt({ command }: PluginCommand, places: Places): string {
  return PLACEHOLDERS.reduce((text, name) => text.replaceAll(`{${name}}`, places[name]), command);
}

/**
 * Reads what was given as a plugin: a command, or `NAME: COMMAND`. Without a name it is called by its program.
 *
 * @throws RangeError if the command says nowhere which socket to connect to
 */
export function readPluginCommand(text: string): PluginCommand {
  const [, given, command] = /^(?:([\w.+-]+): )?(.*)$/s.exec(text)!;
  if (!command!.includes('{socket}')) {
    throw new RangeError(`the plugin ${JSON.stringify(text)} does not say where its {socket} goes`);
  }
  return { name: given ?? basename(command!.trim().split(/\s+/)[0]!), command: command! };
}
