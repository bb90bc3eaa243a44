import type { Cpuset } from '../../../src/placement/cpuset.ts';

/** An image with `cat` and `sleep`. */
const { TEST_IMAGE = 'busybox:stable' } = process.env;

/** A pod to run: its containers, each with its resources. */
export interface PodOptions {
  /** What its name begins with. */
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containers: Readonly<Record<string, Resources>>;
}

export interface Resources {
  readonly requests?: { readonly cpu?: string; readonly memory?: string };
  readonly limits?: { readonly cpu?: string; readonly memory?: string };
}

const MEMORY = '32Mi';

/** Resources with which a pod is Guaranteed. */
export function guaranteed(cpu: string): Resources {
  const amounts = { cpu, memory: MEMORY };
  return { requests: amounts, limits: amounts };
}

/** A pod whose container `main` gets so many CPUs of its own. */
export function integer(cpus: number, annotations: PodOptions['annotations'] = {}): PodOptions {
  return { name: 'integer', annotations, containers: { main: guaranteed(`${cpus}`) } };
}

/** A pod pinned to these CPUs. */
export function pinned(cpus: Cpuset): PodOptions {
  return { name: 'pinned', annotations: { 'weka.io/cores-ids': `${cpus}` }, containers: { main: {} } };
}

/** A pod without anything special. */
export function shared(annotations: PodOptions['annotations'] = {}): PodOptions {
  return {
    name: 'shared',
    annotations,
    containers: { main: { requests: { cpu: '10m', memory: MEMORY }, limits: { memory: MEMORY } } },
  };
}

/** The pod for the API. It asks for no rights, so that any namespace policy lets it in. */
export function podObject(name: string, namespace: string, node: string, options: PodOptions): object {
  const { annotations = {}, containers } = options;
  const onNode = { key: 'metadata.name', operator: 'In', values: [node] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations },
    spec: {
      restartPolicy: 'Never',
      // With 0 the API forgets a pod before its containers have ended.
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      // Not `nodeName`: the scheduler has to see whether there is room.
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [onNode] }] },
        },
      },
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_534,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: Object.entries(containers).map(([container, resources]) => ({
        name: container,
        image: TEST_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command: ['sleep', '2147483647'],
        resources,
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      })),
    },
  };
}
