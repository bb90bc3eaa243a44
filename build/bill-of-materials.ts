import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN, fetchLibraries } from './libraries.ts';
import { ARCHITECTURES, type Architecture, NODE_INTEGRITY, NODE_VERSION } from './node-runtime.ts';
import { SOURCE_DATE } from './reproducible.ts';
import type { ThirdParty } from './third-party.ts';

interface Component {
  readonly 'bom-ref': string;
  readonly type: 'application' | 'library';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly [more: string]: unknown;
}

const { name, version, description, license } = JSON.parse(readFileSync('package.json', 'utf8'));

/** What a release consists of, as CycloneDX 1.5 has it: the packages in the program, Node, and the libraries in the images. */
export function makeBillOfMaterials(): object {
  const subject = component('application', 'npm', name, version, { description, ...licensed(license) });
  const modules = (JSON.parse(readFileSync('dist/third-party.json', 'utf8')) as ThirdParty[]).map((each) =>
    component('library', 'npm', each.name, each.version, licensed(each.license)),
  );
  const components = [...modules, ...ARCHITECTURES.map(nodeOf), ...ARCHITECTURES.flatMap(librariesOf)];
  const refs = components.map((each) => each['bom-ref']);
  // The same for the same content.
  const hash = createHash('sha256')
    .update(JSON.stringify([SOURCE_DATE, subject, components]))
    .digest('hex');
  const uuid = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-8$4-$5');
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: { timestamp: SOURCE_DATE.toISOString(), component: subject },
    components,
    dependencies: [{ ref: subject['bom-ref'], dependsOn: refs }],
  };
}

function nodeOf(architecture: Architecture): Component {
  const content = Buffer.from(NODE_INTEGRITY[architecture].replace('sha512-', ''), 'base64').toString('hex');
  return component('application', 'npm', `node-linux-${architecture}`, NODE_VERSION, {
    ...licensed('MIT'),
    hashes: [{ alg: 'SHA-512', content }],
  });
}

function librariesOf(architecture: Architecture): readonly Component[] {
  const control = join(fetchLibraries(architecture), 'control');
  return readdirSync(control).map((file) => {
    const [, debianVersion] = /^Version: (.*)$/m.exec(readFileSync(join(control, file), 'utf8')) ?? [];
    const { name: debianName } = DEBIAN[architecture];
    return component(
      'library',
      'deb/debian',
      file,
      debianVersion!,
      {},
      `?arch=${debianName}&distro=debian-12`,
    );
  });
}

function component(
  type: Component['type'],
  registry: string,
  name: string,
  version: string,
  more: object,
  qualifiers = '',
): Component {
  const purl = `pkg:${registry}/${encodeURIComponent(name).replace('%2F', '/')}@${encodeURIComponent(version)}${qualifiers}`;
  return { 'bom-ref': purl, type, name, version, purl, ...more };
}

function licensed(id: string): object {
  return { licenses: [{ license: { id } }] };
}
