import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';

const QUANTILE = /^nri_cpuset_event_loop_delay_seconds\{quantile="0\.999"\} (\S+)$/m;

/**
 * How late the plugin's event loop was since this was asked last, at the 99.9th percentile, in milliseconds: one of our metrics.
 * Undefined for a plugin that has no admin socket at `socketPath`.
 */
export async function loopDelay(socketPath: string): Promise<number | undefined> {
  if (!existsSync(socketPath)) return undefined;
  const sent = request({ socketPath, path: '/metrics' }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  const seconds = QUANTILE.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
