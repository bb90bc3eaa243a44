import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { executableName } from './executable.ts';
import { writeBase, writeProgram } from './image-files.ts';
import { DEBIAN } from './libraries.ts';
import type { Architecture } from './node-runtime.ts';
import { packFolder, REVISION, SOURCE_DATE } from './reproducible.ts';

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const { version, description, license } = JSON.parse(readFileSync('package.json', 'utf8'));
const OCI = 'application/vnd.oci.image';

/** An image archive in the making. */
class Archive {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  }

  add(type: string, content: Buffer | object): Blob {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const hash = sha256(bytes);
    writeFileSync(join(this.#folder, 'blobs/sha256', hash), bytes);
    return { mediaType: `${OCI}.${type}`, digest: `sha256:${hash}`, size: bytes.length };
  }

  write(name: string, content: object): void {
    writeFileSync(join(this.#folder, name), JSON.stringify(content));
  }

  /** @returns the path of one of its blobs inside it */
  static path({ digest }: Blob): string {
    return `blobs/${digest.replace(':', '/')}`;
  }
}

/**
 * Makes `folder`/weka-nri-cpuset-image-`architecture`.tar, with architectures called as Debian does, of the executable in
 * the same folder: an archive that is an OCI image layout, for containerd and podman, and has the manifest.json that all
 * versions of docker read.
 *
 * @param image name or reference; without a tag the version is the tag
 */
export function makeImage(architecture: Architecture, image: string, folder: string): void {
  const { name } = DEBIAN[architecture];
  const reference = /:[^/]+$/.test(image) ? image : `${image}:${version}`;
  const work = mkdtempSync('.cache/image-');
  const archive = new Archive(join(work, 'archive'));
  const program = join(folder, executableName(architecture));
  const parts = { base: writeBase, program: (root: string) => writeProgram(root, architecture, program) };
  const layers = Object.entries(parts).map(([part, writeFiles]) => {
    const root = join(work, part);
    mkdirSync(root);
    writeFiles(root, architecture);
    packFolder(root, `${root}.tar`);
    const layer = readFileSync(`${root}.tar`);
    return { id: `sha256:${sha256(layer)}`, blob: archive.add('layer.v1.tar+gzip', gzipSync(layer)) };
  });
  const labels = {
    'org.opencontainers.image.title': 'weka-nri-cpuset',
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': REVISION,
    'org.opencontainers.image.created': SOURCE_DATE.toISOString(),
    'org.opencontainers.image.licenses': license,
  };
  const platform = { architecture: name, os: 'linux' };
  const config = archive.add('config.v1+json', {
    created: SOURCE_DATE.toISOString(),
    ...platform,
    // A number: the user that the kubelet checks runAsNonRoot against. It has to be root's for the socket of the runtime.
    config: {
      User: '0:0',
      Entrypoint: ['/weka-cpuset'],
      // The first as in bin/weka-cpuset (bundle.ts): 5 MB less after some thousand events. The other is for Node 24, whose threads
      // would keep freed memory in an arena each: 4 MB less.
      Env: ['MALLOC_MMAP_THRESHOLD_=131072', 'MALLOC_ARENA_MAX=2'],
      WorkingDir: '/',
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ id }) => id) },
  });
  const manifest = archive.add('manifest.v1+json', {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config,
    layers: layers.map(({ blob }) => blob),
    annotations: labels,
  });
  archive.write('oci-layout', { imageLayoutVersion: '1.0.0' });
  archive.write('index.json', {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [
      {
        ...manifest,
        platform,
        annotations: {
          'io.containerd.image.name': fullReference(reference),
          'org.opencontainers.image.ref.name': reference.split(':').at(-1),
        },
      },
    ],
  });
  archive.write('manifest.json', [
    {
      Config: Archive.path(config),
      RepoTags: [reference],
      Layers: layers.map(({ blob }) => Archive.path(blob)),
    },
  ]);
  packFolder(join(work, 'archive'), join(folder, imageName(architecture)));
  rmSync(work, { recursive: true });
}

export function imageName(architecture: Architecture): string {
  return `weka-nri-cpuset-image-${DEBIAN[architecture].name}.tar`;
}

/** As the kubelet asks for it: an image of no registry is of Docker's. */
function fullReference(reference: string): string {
  const [first, ...rest] = reference.split('/');
  if (rest.length === 0) return `docker.io/library/${reference}`;
  return /[.:]|^localhost$/.test(first!) ? reference : `docker.io/${reference}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
