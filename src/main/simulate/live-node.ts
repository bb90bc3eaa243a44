import type { TopologyParts } from '../../placement/topology.ts';
import type { ContainerView, StateView } from '../admin/api.ts';
import { AdminError } from '../admin/client.ts';
import { topologyParts } from '../admin/topology-parts.ts';
import type { GivenSetting } from '../config.ts';
import { SETTING_NAMES, type SettingValue } from '../settings.ts';
import type { Resident } from './simulated-node.ts';

/** A running node as the simulation needs it. */
export interface LiveNode {
  readonly topology: TopologyParts;
  /** The settings in force there. */
  readonly settings: readonly GivenSetting[];
  readonly residents: readonly Resident[];
}

/**
 * What a running plugin tells of its node. Its containers' resources are made up, of a kind that makes each of them what it
 * is: nothing else of them matters here.
 *
 * @throws AdminError when the plugin is not ready, for it may not know all that runs on the node
 */
export function liveNode({ topology, settings, containers, health }: StateView): LiveNode {
  if (!health.ready) {
    const why = health.missing.join(', ');
    throw new AdminError(
      `the running plugin is not ready, and may not know all containers of this node: ${why}`,
    );
  }
  const pods = new Map<string, ContainerView[]>();
  for (const container of containers) {
    const key = container.podUid || `${container.namespace}/${container.pod}`;
    pods.set(key, [...(pods.get(key) ?? []), container]);
  }
  return {
    topology: topologyParts(topology),
    settings: SETTING_NAMES.map((key) => ({
      key,
      value: asText(settings[key]),
      where: 'the running plugin',
    })),
    residents: [...pods.values()].map((members) => resident(members, settings.annotationDomain)),
  };
}

function resident(members: readonly ContainerView[], domain: string): Resident {
  const [first] = members as [ContainerView];
  const forbidden = members.find((member) => member.forbidden !== '')?.forbidden;
  const pins = members.flatMap(({ container, kind, askedCpus, cpus }) =>
    kind === 'annotated' ? [[`${domain}/cores-ids.${container}`, askedCpus || cpus] as const] : [],
  );
  return {
    spec: {
      name: first.pod,
      namespace: first.namespace,
      qos: members.some(({ kind }) => kind === 'integer') ? 'guaranteed' : 'burstable',
      annotations: {
        ...(forbidden !== undefined && { [`${domain}/forbid-core-ids`]: forbidden }),
        ...Object.fromEntries(pins),
      },
      ...(first.podUid && { uid: first.podUid }),
    },
    containers: members.map(({ container, kind, askedCount, runsOn, mems }) => ({
      spec: {
        name: container,
        ...(kind === 'integer' && askedCount !== undefined && { cpus: { limit: askedCount } }),
      },
      ...(runsOn !== undefined && { cpus: runsOn }),
      ...(mems !== undefined && { mems }),
    })),
  };
}

/** A setting's value as a source gives it. */
function asText(value: unknown): SettingValue {
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, asText(part)]));
}
