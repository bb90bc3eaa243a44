import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { counted } from '../cli/paint.ts';
import { ConfigError } from '../config-error.ts';
import { readText, readTextFile } from '../text-file.ts';
import { check, PodError, readPod, type SimulatedPod } from './pod-spec.ts';

/** The pods of a file, and what in it was passed over. */
export interface PodFile {
  readonly pods: readonly SimulatedPod[];
  /** In words, such as `2 Services`. */
  readonly ignored: readonly string[];
}

/** More than any node can have; a file that asks for more is a mistake. */
const MAX_PODS = 10_000;
/** So many pods as kubectl prints them, with all that the API server adds, are about as long. */
const MAX_BYTES = 64 * 1024 * 1024;

const count = z.nullish(z.number('must be a whole number').check(z.int(), z.gte(0, 'must not be negative')));
const named = {
  kind: z.string('must name the kind of object'),
  metadata: z.nullish(
    z.object(
      { name: z.nullish(z.string('must be a name')), namespace: z.nullish(z.string('must be a name')) },
      'must be a mapping',
    ),
  ),
};
const namedSchema = z.object(named);
const objectSchema = z.object(
  {
    ...named,
    items: z.nullish(z.array(z.unknown(), 'must be a list')),
    spec: z.nullish(
      z.object(
        {
          replicas: count,
          completions: count,
          parallelism: count,
          template: z.optional(z.unknown()),
          jobTemplate: z.optional(z.unknown()),
        },
        'must be a mapping',
      ),
    ),
    status: z.nullish(z.object({ phase: z.nullish(z.string('must be text')) }, 'must be a mapping')),
  },
  'must be a Kubernetes object',
);
type KubernetesObject = z.infer<typeof objectSchema>;

/**
 * Reads pods from Kubernetes YAML or JSON: Pods, what makes pods (Deployments, StatefulSets, DaemonSets, Jobs and others), and
 * Lists of them, in any number of documents. Of a DaemonSet one pod is taken, of a Job as many as run at a time.
 *
 * @param path a file or a pipe, or `-` for the standard input
 * @throws ConfigError naming file and document for what cannot be read, or is too long
 */
export async function readPodFile(path: string): Promise<PodFile> {
  if (path === '-') {
    const name = 'standard input';
    return parsePods(await readText(process.stdin, name, MAX_BYTES), name);
  }
  return parsePods(await readTextFile(path, path, { maxBytes: MAX_BYTES, orPipe: true }), path);
}

/** As `readPodFile`, for text that errors call `name`. */
export function parsePods(text: string, name: string): PodFile {
  const reader = new PodReader();
  parseDocuments(text, name).forEach((document, position) => {
    if (document !== null) reader.read(document, `${name}: document ${position + 1}`);
  });
  if (reader.pods.length === 0)
    throw new ConfigError(`${name}: has no pods to start, and nothing that makes pods`);
  return { pods: reader.pods, ignored: reader.ignored };
}

/** The documents; null stands for an empty one. */
function parseDocuments(text: string, name: string): readonly unknown[] {
  // What kubectl prints as JSON can be large, and is read many times faster as what it is.
  if (text.trimStart().startsWith('{')) {
    try {
      return [JSON.parse(text)];
    } catch {
      // YAML in flow style, or JSON with a mistake, which the YAML parser finds and names too.
    }
  }
  return [...parseAllDocuments(text)].map((document, position) => {
    const [error] = document.errors;
    if (error === undefined) return plain(document, `${name}: document ${position + 1}`);
    const [message = ''] = error.message.split('\n');
    throw new ConfigError(`${name}: document ${position + 1}: ${message.replace(/:$/, '')}`);
  });
}

/** A few aliases of aliases can stand for gigabytes: the parser gives up then. */
function plain(document: { toJS(): unknown }, where: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Collects pods from objects, in the order of the file. */
class PodReader {
  readonly pods: SimulatedPod[] = [];
  readonly #ignored = new Map<string, number>();

  get ignored(): readonly string[] {
    return [...this.#ignored].map(([what, count]) => counted(count, what));
  }

  /** @throws ConfigError beginning with `where` */
  read(value: unknown, where: string): void {
    try {
      this.#add(value, where);
    } catch (error) {
      if (!(error instanceof PodError)) throw error;
      throw new ConfigError(`${where}${nameOf(value)}: ${error.message}`);
    }
  }

  #add(value: unknown, where: string): void {
    const object = check(objectSchema, value);
    const { kind } = object;
    if (kind.endsWith('List')) {
      // The items of a PodList, as the API server sends it, need not say that they are Pods.
      const kindOfItems = kind === 'List' ? {} : { kind: kind.slice(0, -'List'.length) };
      (object.items ?? []).forEach((item, position) => {
        this.read(isMapping(item) ? { ...kindOfItems, ...item } : item, `${where}, item ${position + 1}`);
      });
      return;
    }
    const makes = MAKERS.get(kind);
    if (kind === 'Pod') this.#addPod(object, value);
    else if (makes === undefined) this.#ignore(kind);
    else this.#addMade(object, makes(object));
  }

  #addPod(object: KubernetesObject, value: unknown): void {
    const { phase } = object.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed') this.#ignore(ENDED);
    else this.#push(readPod(value, { owner: `Pod ${fullName(object)}`, field: '' }));
  }

  #addMade(object: KubernetesObject, { template, field, names }: Made): void {
    const { name, namespace } = object.metadata ?? {};
    if (!name) throw new PodError('metadata.name: is missing');
    if (this.pods.length + names.length > MAX_PODS) throw new PodError(`makes more than ${MAX_PODS} pods`);
    const made = { owner: `${object.kind} ${fullName(object)}`, field, ...(namespace && { namespace }) };
    // Read also where it makes none, to find what is wrong with it.
    const first = readPod(template, { ...made, name });
    for (const suffix of names) {
      this.#push({ ...first, spec: { ...first.spec, name: `${name}${suffix}` } });
    }
    if (names.length === 0) this.#ignore(`${object.kind} without replica`);
  }

  #push(pod: SimulatedPod): void {
    if (this.pods.push(pod) > MAX_PODS) throw new PodError(`there are more than ${MAX_PODS} pods`);
  }

  #ignore(what: string): void {
    this.#ignored.set(what, (this.#ignored.get(what) ?? 0) + 1);
  }
}

const ENDED = 'ended Pod';

/** What an object makes: pods by its template, named by its own name and these endings. */
interface Made {
  readonly template: unknown;
  /** Where the template is. */
  readonly field: string;
  readonly names: readonly string[];
}

const TEMPLATE = 'spec.template';
const JOB = 'spec.jobTemplate';
const made = ({ spec }: KubernetesObject, names: readonly string[]): Made => ({
  template: spec?.template,
  field: TEMPLATE,
  names,
});
const replicated = (object: KubernetesObject): Made => made(object, numbered(1, object.spec?.replicas ?? 1));
const job = (object: KubernetesObject): Made => {
  // Without completions, a Job ends when one of its pods has succeeded.
  const { parallelism, completions } = object.spec ?? {};
  return made(object, numbered(1, Math.min(parallelism ?? 1, completions ?? Number.POSITIVE_INFINITY)));
};
const MAKERS: ReadonlyMap<string, (object: KubernetesObject) => Made> = new Map([
  ['Deployment', replicated],
  ['ReplicaSet', replicated],
  ['ReplicationController', replicated],
  ['StatefulSet', (object) => made(object, numbered(0, object.spec?.replicas ?? 1))],
  ['DaemonSet', (object) => made(object, [''])],
  ['Job', job],
  [
    'CronJob',
    ({ spec }) => {
      const template = isMapping(spec?.jobTemplate) ? spec.jobTemplate : {};
      return { ...job(check(objectSchema, { kind: 'Job', ...template }, JOB)), field: `${JOB}.${TEMPLATE}` };
    },
  ],
]);

function numbered(first: number, count: number): readonly string[] {
  const bounded = Math.min(count, MAX_PODS + 1);
  return Array.from({ length: bounded }, (_, position) => `-${first + position}`);
}

function fullName({ metadata }: z.infer<typeof namedSchema>): string {
  return `${metadata?.namespace ?? 'default'}/${metadata?.name ?? ''}`;
}

/** `, Pod default/web` for an object that says what it is, to be put after its place in the file. */
function nameOf(value: unknown): string {
  const { data } = namedSchema.safeParse(value);
  return data?.metadata?.name ? `, ${data.kind} ${fullName(data)}` : '';
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
