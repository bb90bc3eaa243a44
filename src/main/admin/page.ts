import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the page. */
export interface PageAsset {
  readonly body: string;
  /** Content-Type. */
  readonly type: string;
}

/** Put in by the build: the files of dist/page by name. Not there when the source is run as it is. */
declare const PAGE_FILES: Readonly<Record<string, string>> | undefined;

const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

/** The file of the page at an absolute path (`/` is the page itself); undefined if there is none. */
export function pageAsset(path: string): PageAsset | undefined {
  const name = path === '/' ? 'index.html' : path.slice(1);
  if (!isFile(name)) return undefined;
  const body = typeof PAGE_FILES === 'undefined' ? readBuilt(name) : PAGE_FILES[name];
  return body === undefined ? undefined : { body, type: TYPES[name] };
}

function isFile(name: string): name is keyof typeof TYPES {
  return Object.hasOwn(TYPES, name);
}

/** @returns undefined before the first `make build` */
function readBuilt(name: string): string | undefined {
  try {
    return readFileSync(join(import.meta.dirname, '../../../dist/page', name), 'utf8');
  } catch {
    return undefined;
  }
}
