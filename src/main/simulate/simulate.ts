import { readTopology } from '../../placement/sysfs.ts';
import { createTopology, type TopologyParts } from '../../placement/topology.ts';
import { hostFiles } from '../../workers/host-files.ts';
import { AdminClient } from '../admin/client.ts';
import { outputWidth } from '../cli/live.ts';
import { counted, wantsColour } from '../cli/paint.ts';
import { readTopologyFlag } from '../cli/topology-flag.ts';
import { type ConfigSources, type GivenSetting, loadConfig } from '../config.ts';
import { readConfig } from '../config-file.ts';
import type { JournalRecord } from '../journal.ts';
import { liveNode } from './live-node.ts';
import { readPodFile } from './pod-file.ts';
import { Progress } from './progress.ts';
import { resultJson, resultReport } from './report.ts';
import { type Resident, SimulatedNode } from './simulated-node.ts';
import { simulate } from './simulation.ts';

/** Where the simulated host comes from. */
export type HostSource =
  | { readonly from: 'specification'; readonly text: string }
  | { readonly from: 'files'; readonly root: string }
  | { readonly from: 'live'; readonly adminSocket: string };

export interface SimulateOptions {
  /** A file that `readPodFile` reads. */
  readonly pods: string;
  readonly host: HostSource;
  readonly configPath: string | undefined;
  readonly sources: ConfigSources;
  readonly json: boolean;
  /** Undefined: as the terminal has it. */
  readonly colour: boolean | undefined;
}

/**
 * Tries pods on a host that is only simulated, and prints what the plugin would do.
 *
 * @returns the exit code: 1 when a container is refused
 * @throws ConfigError for what is wrong with pods, host or settings; TopologyError, AdminError
 */
export async function runSimulate(options: SimulateOptions): Promise<number> {
  const file = await readPodFile(options.pods);
  const { topology, residents, settings } = await readHost(options.host);
  // What kubectl lists of a node is there already when the node is the live one.
  const there = new Set(residents.map(({ spec }) => `${spec.namespace}/${spec.name}`));
  const pods = file.pods.filter(({ spec }) => !there.has(`${spec.namespace}/${spec.name}`));
  const present = file.pods.length - pods.length;
  const ignored = [...file.ignored, ...(present > 0 ? [`${counted(present, 'pod')} already there`] : [])];
  const config = loadConfig({
    ...options.sources,
    // What holds on the running node gives way to all that is said here.
    file: settings,
    nri: options.configPath === undefined ? [] : await readConfig(options.configPath),
  });
  const decisions = new Map<string, JournalRecord>();
  const node = await SimulatedNode.start({
    topology,
    config,
    residents,
    onDecision: (record) => {
      if (record.event === 'create' && record.containerId) decisions.set(record.containerId, record);
    },
  });
  try {
    const progress = new Progress(pods.length);
    const result = await simulate(node, pods, decisions, (done) => progress.show(done));
    progress.clear();
    const context = { topology: createTopology(topology), residents: residents.length, pods, ignored };
    const text = options.json
      ? JSON.stringify(resultJson(result, context))
      : resultReport(result, context, {
          width: outputWidth(),
          colour: wantsColour(options.colour),
        });
    process.stdout.write(`${text}\n`);
    return result.landings.every(({ outcome }) => outcome === 'placed') ? 0 : 1;
  } finally {
    await node.close();
  }
}

interface Host {
  readonly topology: TopologyParts;
  readonly residents: readonly Resident[];
  readonly settings: readonly GivenSetting[];
}

async function readHost(source: HostSource): Promise<Host> {
  switch (source.from) {
    case 'live':
      return liveNode(await new AdminClient(source.adminSocket).state());
    case 'files':
      return { topology: readTopology(hostFiles(source.root)), residents: [], settings: [] };
    case 'specification':
      return { topology: readTopologyFlag(source.text), residents: [], settings: [] };
  }
}
