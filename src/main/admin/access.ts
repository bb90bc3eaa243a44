import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Longest request target that is looked at, in characters. */
const MAX_TARGET = 1024;
const MAX_SEQUENCE_DIGITS = 15;

/** What to answer somebody whose request is not served. */
export interface Rejection {
  readonly status: number;
  readonly message: string;
}

/** A request for something to look at. */
export interface Target {
  readonly path: string;
  /** The number of a journal record; undefined where none is given. */
  readonly since: number | undefined;
}

/**
 * Who may ask over TCP. A browser that is made to believe that this address belongs to a foreign site (DNS rebinding) tells
 * that site's name as Host, and the pages of other sites tell theirs as Origin. An address cannot be rebound.
 *
 * @param ownName the name that was given to listen on
 */
export function foreignness(request: IncomingMessage, ownName: string): Rejection | undefined {
  const { host = '', origin } = request.headers;
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  const isOwn =
    isIP(name) !== 0 || ['localhost', ownName, hostname()].some((own) => own === name.toLowerCase());
  if (!isOwn) return { status: 421, message: 'this host name is not served: use the address or localhost' };
  if (origin !== undefined && origin !== `http://${host}`) {
    return { status: 403, message: 'pages of other sites are not served' };
  }
  return undefined;
}

/** Reads what is asked for. The server only ever shows, so there is nothing but GET and HEAD. */
export function readTarget({ method = '', url = '' }: IncomingMessage): Target | Rejection {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, message: 'only GET and HEAD are served' };
  if (url.length > MAX_TARGET) return { status: 414, message: 'the address is too long' };
  const [path = '', query = ''] = url.split('?', 2);
  const given = new URLSearchParams(query).get('since');
  if (given === null) return { path, since: undefined };
  if (!/^\d+$/.test(given) || given.length > MAX_SEQUENCE_DIGITS) {
    return { status: 400, message: 'since must be the number of a journal record' };
  }
  return { path, since: Number(given) };
}
