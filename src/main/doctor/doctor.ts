import { statSync } from 'node:fs';
import { painter, wantsColour } from '../cli/paint.ts';
import { ConfigError } from '../config-error.ts';
import { CGROUP_CHECKS } from './cgroup-checks.ts';
import { CPU_CHECKS } from './cpu-checks.ts';
import { type Facts, gatherFacts } from './facts.ts';
import { type Check, exitCode, type Finding } from './finding.ts';
import { KUBELET_CHECKS } from './kubelet-checks.ts';
import { type Node, openNode } from './node.ts';
import { OWN_CHECKS } from './own-checks.ts';
import { PLUGIN_CHECKS } from './plugin-checks.ts';
import { reportJson, reportText } from './report.ts';
import { RUNTIME_CHECKS } from './runtime-checks.ts';

/** What `doctor` looks at, and how it tells. */
export interface DoctorOptions {
  /** Whether to print JSON. */
  readonly json: boolean;
  /** `/`, a folder where the host's root is mounted, or a copy of a host's files. */
  readonly hostRoot: string;
  /** The runtime's NRI socket; if left out, the one that the runtime's configuration names. */
  readonly socketPath?: string | undefined;
  /** Our own configuration, as `run` would read it. */
  readonly configPath?: string | undefined;
}

const GROUPS: readonly (readonly [group: string, checks: readonly Check<Facts>[]])[] = [
  ['Container runtime', RUNTIME_CHECKS],
  ['Kubelet', KUBELET_CHECKS],
  ['cgroups', CGROUP_CHECKS],
  ['CPUs and memory', CPU_CHECKS],
  ['Other plugins', PLUGIN_CHECKS],
  ['This plugin', OWN_CHECKS],
];

/** Lines longer than this are hard to read, however wide the terminal is. */
const MAX_WIDTH = 110;
const MIN_WIDTH = 60;
const DEFAULT_WIDTH = 100;

/**
 * Looks for all that keeps the plugin from doing its work on a node, and prints what was found and how to put it right.
 *
 * @returns the exit code: 0 if all is well, 1 with a warning, 2 with an error
 * @throws ConfigError when the host's root cannot be read, or is no folder
 */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const node = openNode(options.hostRoot);
  const obstacle = node.obstacle('');
  if (obstacle !== undefined) throw new ConfigError(`--host-root ${node.root}: cannot be read (${obstacle})`);
  if (!statSync(node.root).isDirectory()) throw new ConfigError(`--host-root ${node.root}: is not a folder`);
  const findings = await examine(node, options);
  const { columns } = process.stdout;
  const text = options.json
    ? reportJson(node.root, node.isLive, findings)
    : reportText(describe(node), findings, {
        paint: painter(wantsColour(undefined)),
        // Some terminals say 0.
        width: Math.min(Math.max(columns || DEFAULT_WIDTH, MIN_WIDTH), MAX_WIDTH),
      });
  process.stdout.write(`${text}\n`);
  return exitCode(findings);
}

/** Makes every check, in the order of the report. */
export async function examine(
  node: Node,
  options: Pick<DoctorOptions, 'socketPath' | 'configPath'>,
): Promise<readonly Finding[]> {
  const facts = await gatherFacts(node, options);
  const findings: Finding[] = [];
  for (const [group, checks] of GROUPS) {
    for (const { id, title, run } of checks) findings.push({ id, group, title, ...(await run(facts)) });
  }
  return findings;
}

function describe({ root, isLive }: Node): string {
  if (root === '/') return 'This host';
  if (isLive) return `This host, mounted at ${root}`;
  return `Files of a host below ${root}: what only a running host can tell is skipped.`;
}
