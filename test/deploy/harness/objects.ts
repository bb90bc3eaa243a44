import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonSet } from 'kubernetes-models/apps/v1';
import { ConfigMap, Service, ServiceAccount } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';

export const DEPLOY = join(import.meta.dirname, '../../../deploy');

/** The version of the program. */
export const { version: VERSION } = JSON.parse(readFileSync(join(DEPLOY, '../package.json'), 'utf8')) as {
  readonly version: string;
};

/** What all Kubernetes objects have. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** The parts of the plugin's DaemonSet that tests look at. */
export interface PluginDaemonSet extends KubernetesObject {
  readonly spec: {
    readonly updateStrategy: unknown;
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
      readonly spec: PluginPod;
    };
  };
}

export interface PluginPod {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly priorityClassName?: string;
  readonly securityContext?: unknown;
  readonly tolerations?: unknown;
  readonly initContainers?: readonly PluginContainer[];
  readonly containers: readonly PluginContainer[];
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}

export interface PluginContainer {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly resources: {
    readonly requests: { readonly cpu?: string; readonly memory?: string };
    readonly limits: { readonly cpu?: string; readonly memory?: string };
  };
  readonly securityContext: unknown;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

/** The objects of a YAML text, in the order in which they stand there. */
export function objectsIn(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as KubernetesObject | null) ?? []);
}

/** The objects of deploy/manifests, as its kustomization lists them. */
export function manifests(): readonly KubernetesObject[] {
  const read = (file: string) => readFileSync(join(DEPLOY, 'manifests', file), 'utf8');
  const { resources } = parse(read('kustomization.yaml')) as { readonly resources: readonly string[] };
  return resources.flatMap((file) => objectsIn(read(file)));
}

/** The one object of that kind. */
export function only<T extends KubernetesObject>(objects: readonly KubernetesObject[], kind: string): T {
  const found = objects.filter((object) => object.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects are of kind ${kind}`);
  return found[0] as T;
}

const MODELS = { DaemonSet, ConfigMap, Service, ServiceAccount };

/**
 * Checks an object by Kubernetes' own schema: required fields, types, ranges and quantities, but not unknown fields.
 *
 * @returns whether there is a schema for its kind
 * @throws what the schema finds wrong
 */
export function validate(object: KubernetesObject): boolean {
  const Model = MODELS[object.kind as keyof typeof MODELS];
  if (Model === undefined) return false;
  new Model(object as never).validate();
  return true;
}
