import { basename } from 'node:path';
import type { Facts } from './facts.ts';
import { type Check, error, note, type Outcome, ok, skipped, warning } from './finding.ts';
import type { Process } from './processes.ts';
import { NRI_DEFAULTS } from './runtime-config.ts';

export const PLUGIN_CHECKS: readonly Check<Facts>[] = [
  { id: 'plugins-installed', title: 'pre-installed plugins', run: checkInstalled },
  { id: 'plugins-running', title: 'running programs', run: checkRunning },
];

/** Programs known to set cpusets, by what their file names contain. */
const RIVALS = [
  'nri-resource-policy',
  'topology-aware',
  'balloons',
  'cri-resmgr',
  'cri-resource-manager',
  'cpu-control-plane',
  'weka-nri-cpuset',
];
/** This program's name; as a pre-installed plugin it has two digits and a dash in front. */
const OURS = /^(\d\d-)?weka-cpuset(\.cjs)?$/;

function rivalIn(name: string): string | undefined {
  return OURS.test(name) ? undefined : RIVALS.find((rival) => name.includes(rival));
}

const CONFLICT = 'When two plugins set the CPUs of a container, the runtime refuses to create it.';

/** Plugins that the runtime starts itself are the files of one folder, named `NN-NAME`. */
function checkInstalled({ node, runtime }: Facts): Outcome {
  const folder = (runtime?.nri ?? NRI_DEFAULTS).pluginFolder.replace(/\/$/, '');
  const code = node.obstacle(folder.slice(1));
  if (code === 'EACCES') return skipped(`${folder} may not be read.`);
  const names = [...node.list(folder.slice(1))].sort();
  if (names.length === 0) return ok(`None in ${folder}.`);
  const rivals = names.filter(rivalIn);
  const paths = (files: readonly string[]) => files.map((name) => `${folder}/${name}`);
  if (rivals.length > 0) {
    return error(`${paths(rivals).join(', ')} also sets cpusets. ${CONFLICT}`, {
      what: 'Use one of them: move the other away, and restart the runtime:',
      lines: paths(rivals).map((path) => `mv ${path} /root/`),
    });
  }
  const misnamed = names.filter((name) => !/^\d\d-./.test(name));
  if (misnamed.length > 0) {
    return warning(
      `${paths(misnamed).join(', ')} is not named like a plugin (two digits, a dash, a name): if it can be executed, the runtime does not start.`,
      { what: 'Move it away:', lines: paths(misnamed).map((path) => `mv ${path} /root/`) },
    );
  }
  return ok(`In ${folder}: ${names.join(', ')}; none is known to set cpusets.`);
}

function checkRunning({ node, processes }: Facts): Outcome {
  if (processes.length === 0) {
    return skipped(node.isLive ? 'No processes can be seen.' : 'Files do not tell what runs.');
  }
  const rivals = processes.filter(({ program }) => rivalIn(program));
  if (rivals.length > 0) {
    const list = rivals.map(({ program, id }) => `${program} (process ${id})`).join(', ');
    return error(`Running: ${list}, which also sets cpusets. ${CONFLICT}`, {
      what: 'Use one of them. If the other comes from a DaemonSet, find and delete it:',
      lines: ['kubectl get daemonsets -A | grep -E "nri|cpu"'],
    });
  }
  const ours = processes.filter(isOurPlugin);
  if (ours.length > 1) {
    return note(
      `This plugin runs ${ours.length} times (processes ${ours.map(({ id }) => id).join(', ')}): one of them decides, and the others wait for its end.`,
      {
        what: 'That needs one folder for the admin sockets of all. This asks the one that decides:',
        lines: ['weka-cpuset status'],
      },
    );
  }
  const others = 'No program that runs is known to set cpusets';
  return ok(ours[0] === undefined ? `${others}.` : `${others}, but this plugin (process ${ours[0].id}).`);
}

/** Whether this is our program, alone or run by node, and as the plugin rather than with one of the other commands. */
function isOurPlugin({ program, args }: Process): boolean {
  const script = args.findIndex((arg) => OURS.test(basename(arg)));
  if (!OURS.test(program) && !(program === 'node' && script >= 0)) return false;
  const command = args[script + 1];
  return command === undefined || command === 'run' || command.startsWith('-');
}
