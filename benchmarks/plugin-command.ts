import { basename } from 'node:path';

/** A plugin to measure. */
export interface PluginCommand {
  readonly name: string;
  /** For a shell, with placeholders for the Places. */
  readonly command: string;
  /** Whether it is started as a runtime starts the plugins in its plugin folder, with a connection to it. */
  readonly isPreinstalled?: boolean;
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
  const plugin = split(text);
  if (!plugin.command.includes('{socket}')) {
    throw new RangeError(
      `the plugin ${JSON.stringify(text)} does not say where its {socket} goes; if it cannot, see --preinstalled`,
    );
  }
  return plugin;
}

/**
 * The same of a plugin that is handed a connection instead.
 *
 * @throws RangeError if the command has a socket to connect to
 */
export function readPreinstalled(text: string): PluginCommand {
  const plugin = split(text);
  if (plugin.command.includes('{socket}')) {
    throw new RangeError(`the plugin ${JSON.stringify(text)} is handed a connection and needs no {socket}`);
  }
  return { ...plugin, isPreinstalled: true };
}

function split(text: string): PluginCommand {
  const [, name, command] = /^(?:([\w.+-]+): )?(.*)$/s.exec(text)!;
  return { name: name ?? basename(command!.trim().split(/\s+/)[0]!), command: command! };
}
