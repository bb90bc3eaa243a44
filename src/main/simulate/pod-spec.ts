import * as z from 'zod/mini';
import type { ContainerSpec, PodSpec, QosClass } from '../runtime/kubelet.ts';
import { parseQuantity, QuantityError } from './quantity.ts';

/** A container with its part in the life of the pod. */
export interface ContainerStep {
  /** `init`: ends before the next one starts. `sidecar`: an init container that stays (`restartPolicy: Always`). */
  readonly role: 'init' | 'sidecar' | 'container';
  readonly spec: ContainerSpec;
}

/** A pod to be simulated: its containers in the order in which the kubelet starts them. */
export interface SimulatedPod {
  /** What made it, such as `Deployment shop/web`. */
  readonly owner: string;
  readonly spec: PodSpec & { readonly namespace: string; readonly qos: QosClass };
  readonly steps: readonly ContainerStep[];
}

/** A pod that Kubernetes would not accept; the message begins with the field. */
export class PodError extends Error {
  override readonly name = 'PodError';
}

const quantities = z.nullish(
  z.record(z.string(), z.union([z.string(), z.number()], 'must be a quantity'), 'must be a mapping'),
);
const resources = z.nullish(z.object({ requests: quantities, limits: quantities }, 'must be a mapping'));
const container = z.object(
  {
    name: z.string('must be a name').check(z.minLength(1, 'must be a name')),
    restartPolicy: z.nullish(z.string('must be text')),
    resources,
  },
  'must be a container',
);
const texts = z.nullish(
  z.record(z.string(), z.string('must be text (numbers and true, false need quotes)'), 'must be a mapping'),
);
const containers = z.array(container, 'must be a list of containers');

/** What is read of a pod or of a pod template. */
const podSchema = z.object(
  {
    metadata: z.nullish(
      z.object(
        {
          name: z.nullish(z.string('must be a name')),
          generateName: z.nullish(z.string('must be a name')),
          namespace: z.nullish(z.string('must be a name')),
          annotations: texts,
          labels: texts,
        },
        'must be a mapping',
      ),
    ),
    spec: z.object(
      {
        initContainers: z.nullish(containers),
        containers: containers.check(z.minLength(1, 'must have at least one container')),
        resources,
      },
      "must be a pod's specification",
    ),
  },
  'must be a mapping',
);

type Resources = z.infer<typeof resources>;

/** What makes a pod. */
export interface Maker {
  readonly owner: string;
  /** Where the pod is written in it, such as `spec.template`; empty for a pod by itself. */
  readonly field: string;
  /** Override those of the template. */
  readonly name?: string;
  readonly namespace?: string;
}

/**
 * Reads a pod or the template of one.
 *
 * @throws PodError
 */
export function readPod(value: unknown, made: Maker): SimulatedPod {
  const { metadata, spec } = check(podSchema, value, made.field);
  const specField = [made.field, 'spec'].filter(Boolean).join('.');
  const name = made.name ?? metadata?.name ?? metadata?.generateName?.replace(/-$/, '');
  if (!name) throw new PodError('metadata.name: is missing');
  const steps = [
    ...readContainers(spec.initContainers ?? [], `${specField}.initContainers`, true),
    ...readContainers(spec.containers, `${specField}.containers`, false),
  ];
  const ofPod = readResources(spec.resources, `${specField}.resources`);
  const claims = isEmpty(ofPod) ? steps.map((step) => step.spec) : [ofPod];
  return {
    owner: made.owner,
    spec: {
      name,
      namespace: made.namespace ?? metadata?.namespace ?? 'default',
      qos: qosClass(claims),
      annotations: metadata?.annotations ?? {},
      labels: metadata?.labels ?? {},
    },
    steps,
  };
}

/**
 * Checks a value against a schema.
 *
 * @param root the field that has the value
 * @throws PodError naming the first field that is wrong
 */
export function check<T>(schema: z.ZodMiniType<T>, value: unknown, root = ''): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const below = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const field = `${root}${below}`.replace(/^\./, '');
  throw new PodError(field === '' ? message : `${field}: ${message}`);
}

type Amounts = Pick<ContainerSpec, 'cpus' | 'memory'>;

function readContainers(
  list: z.infer<typeof containers>,
  field: string,
  isInit: boolean,
): readonly ContainerStep[] {
  return list.map(({ name, restartPolicy, resources }, position) => ({
    role: isInit ? (restartPolicy === 'Always' ? 'sidecar' : 'init') : 'container',
    spec: { name, ...readResources(resources, `${field}[${position}].resources`) },
  }));
}

function readResources(resources: Resources, field: string): Amounts {
  const read = (name: 'cpu' | 'memory') => {
    const unit = name === 'cpu' ? 1000 : 1;
    const amount = (kind: 'requests' | 'limits'): number | undefined => {
      const given = resources?.[kind]?.[name];
      if (given === undefined) return undefined;
      try {
        return parseQuantity(String(given), unit) / unit;
      } catch (error) {
        if (!(error instanceof QuantityError)) throw error;
        throw new PodError(`${field}.${kind}.${name}: ${error.message}`);
      }
    };
    const limit = amount('limits');
    const request = amount('requests') ?? limit;
    if (limit !== undefined && request !== undefined && request > limit) {
      throw new PodError(`${field}.requests.${name}: is more than the limit`);
    }
    return request === undefined && limit === undefined
      ? undefined
      : { ...(request !== undefined && { request }), ...(limit !== undefined && { limit }) };
  };
  const cpus = read('cpu');
  const memory = read('memory');
  return { ...(cpus && { cpus }), ...(memory && { memory }) };
}

function isEmpty({ cpus, memory }: Amounts): boolean {
  return [cpus, memory].every((amount) => !amount?.request && !amount?.limit);
}

/**
 * A pod's class: Guaranteed if everything in it has limits for CPU and memory that equal the requests, BestEffort if nothing
 * has any (Kubernetes: `GetPodQOS`). Init containers count; resources of the pod as a whole count alone.
 */
function qosClass(claims: readonly Amounts[]): QosClass {
  if (claims.every(isEmpty)) return 'besteffort';
  const isFixed = (amount: Amounts['cpus']) => !!amount?.limit && amount.request === amount.limit;
  return claims.every(({ cpus, memory }) => isFixed(cpus) && isFixed(memory)) ? 'guaranteed' : 'burstable';
}
