import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { temporaryFolder } from '../temporary-folder.ts';

// `make release` comes first.
const ROOT = join(import.meta.dirname, '../..');
const RELEASE = join(ROOT, 'dist-release');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** The parts for the architecture of this machine that take long to make. */
const LARGE = [
  `weka-cpuset-linux-${process.arch}`,
  `weka-nri-cpuset-image-${process.arch === 'x64' ? 'amd64' : process.arch}.tar`,
];

function run(command: string, args: readonly string[], cwd = ROOT): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
}

function make(...args: readonly string[]): void {
  run(process.execPath, ['--import', 'tsx', 'build/make.ts', ...args]);
}

function sums(folder: string): Readonly<Record<string, string>> {
  const sumOf = (file: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
  return Object.fromEntries(readdirSync(folder).map((file) => [file, sumOf(file)]));
}

describe('A release', () => {
  it('has a checksum for everything in it', () => {
    const checked = run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], RELEASE);
    assert.equal(checked.match(/: OK$/gm)?.length, readdirSync(RELEASE).length - 1);
  });

  it('is the same when it is made again of the same commit', (t) => {
    const folder = temporaryFolder(t);
    make('executable', '--folder', folder, process.arch);
    make('image', '--folder', folder, process.arch);
    const { [LARGE[0]!]: executable, [LARGE[1]!]: image, ...others } = sums(RELEASE);
    assert.deepEqual(sums(folder), { [LARGE[0]!]: executable, [LARGE[1]!]: image });

    const again = join(folder, 'release');
    make('release', '--folder', again);
    assert.deepEqual(sums(again), { ...others, [LARGE[0]!]: executable, [LARGE[1]!]: image });
  });

  it('has a package for npm that runs with the Node that is there, and needs no other package', (t) => {
    const folder = temporaryFolder(t);
    run('tar', ['-xzf', join(RELEASE, `weka-nri-cpuset-node-${version}.tgz`), '-C', folder]);
    const environment = { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin` };
    const program = join(folder, 'package/bin/weka-cpuset');
    assert.equal(
      execFileSync(program, ['version'], { env: environment, encoding: 'utf8' }),
      `weka-cpuset ${version}\n`,
    );
    const { dependencies } = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8'));
    assert.equal(dependencies, undefined);
    const demo = execFileSync(program, ['demo'], { env: environment, encoding: 'utf8' });
    assert.match(demo, /no exclusive CPU was ever in two places/);
  });

  it('has the chart, as helm packages charts', () => {
    const archive = join(RELEASE, `weka-nri-cpuset-${version}.tgz`);
    const files = run('tar', ['-tzf', archive])
      .split('\n')
      .filter((name) => name !== '' && !name.endsWith('/'));
    assert.ok(files.every((name) => name.startsWith('weka-nri-cpuset/')));
    assert.ok(files.includes('weka-nri-cpuset/Chart.yaml') && files.includes('weka-nri-cpuset/values.yaml'));
  });

  it('has the licenses of the program, of Node and of the packages in it', () => {
    const licenses = readFileSync(join(RELEASE, 'LICENSES'), 'utf8');
    for (const part of ['Apache License', 'Copyright Node.js contributors', 'pino-pretty']) {
      assert.ok(licenses.includes(part), part);
    }
  });

  it('has scripts for hosts beside which its executables can be put', () => {
    const archive = join(RELEASE, `weka-nri-cpuset-deploy-${version}.tgz`);
    const listing = run('tar', ['-tvzf', archive]);
    assert.match(listing, /^-rwxr-xr-x .* weka-nri-cpuset-\S+\/deploy\/host\/install\.sh$/m);
    assert.match(listing, /weka-nri-cpuset-\S+\/docs\/install\.md$/m);
  });
});

describe('The version', () => {
  const read = (file: string) => parse(readFileSync(join(ROOT, file), 'utf8'));

  it('of the package is that of the chart, and of the program it installs', () => {
    const chart = read('deploy/helm/weka-nri-cpuset/Chart.yaml');
    assert.deepEqual([chart.version, chart.appVersion], [version, version]);
  });

  it('of the package is that of the image in the manifests', () => {
    const { spec } = read('deploy/manifests/daemonset.yaml');
    const images = spec.template.spec.containers.map(({ image }: { image: string }) => image);
    assert.deepEqual(images, [`weka-nri-cpuset:${version}`]);
  });
});
