import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package whose code is in what we build. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** As SPDX has it. */
  readonly license: string;
}

/** The packages that files of a build are from, by name, with the text of the license that each comes with. */
export function thirdParties(files: Iterable<string>): readonly (ThirdParty & { readonly text: string })[] {
  const folders = new Set<string>();
  for (const file of files) {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const licenseFile = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    const text = licenseFile === undefined ? '' : readFileSync(join(folder, licenseFile), 'utf8').trim();
    return { name, version, license, text };
  });
}
