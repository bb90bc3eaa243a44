import { setTimeout as sleep } from 'node:timers/promises';
import { PluginConnection, type PluginHandlers } from '../../protocol/nri.ts';
import { type ConnectionOptions, dial, NRI_VERSION, REGISTRATION_TIMEOUT_MS } from './connection.ts';

/** The runtime lists what it has after running all that is under way, which may be the patient end of a container. */
const LISTING_TIMEOUT_MS = 60_000;
/** The runtime carries out an answer, and then expects the plugin to be there, well within that. */
const LINGER_MS = 1000;

/**
 * Has the runtime list all it has, on a connection that is only there for that. The runtime does nothing else meanwhile, and
 * carries out the answer before the next event. So a plugin whose other connection is there for the events misses none: on
 * its own, a connection that is new misses those of containers that are created while it is being added (containerd before
 * 1.7.27).
 *
 * @param handlers of a session that asks for no events that matter
 * @param listed settles when the list is answered
 * @throws Error when the runtime cannot be reached, does not accept the plugin, or lists nothing
 */
export async function list(
  { socket, pluginName, pluginIndex }: Pick<ConnectionOptions, 'socket' | 'pluginName' | 'pluginIndex'>,
  handlers: PluginHandlers,
  listed: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const connection = new PluginConnection(await dial(socket, signal), handlers);
  const close = (): void => connection.close();
  signal.addEventListener('abort', close);
  try {
    const registration = { pluginName, pluginIdx: pluginIndex, NRIVersion: NRI_VERSION };
    await connection.registerPlugin(registration, REGISTRATION_TIMEOUT_MS);
    const enough = new AbortController();
    const tooLong = sleep(LISTING_TIMEOUT_MS, undefined, { signal: enough.signal });
    const failed = Promise.race([connection.closed, tooLong.catch(() => {})]).then(() => {
      throw new Error('the runtime has listed nothing');
    });
    await Promise.race([listed, failed]).finally(() => enough.abort());
    await Promise.race([connection.closed, sleep(LINGER_MS, undefined, { signal }).catch(() => {})]);
  } finally {
    signal.removeEventListener('abort', close);
    connection.close();
  }
}
