import type { Facts } from './facts.ts';
import { type Check, error, note, type Outcome, ok, type Remedy, skipped } from './finding.ts';
import type { KubeletConfig } from './kubelet-config.ts';

export const KUBELET_CHECKS: readonly Check<Facts>[] = [
  { id: 'kubelet-config', title: 'kubelet', run: checkFound },
  { id: 'kubelet-cpu-manager', title: 'CPU manager', run: checkCpuManager },
  { id: 'kubelet-memory-manager', title: 'memory manager', run: checkMemoryManager },
];

function checkFound({ kubelet, node }: Facts): Outcome {
  const { isRunning, paths, problems } = kubelet;
  const files = paths.map((path) => `/${path}`).join(', ');
  if (problems.length > 0) {
    return note(`${problems.join('; ')}.`, {
      what: 'Correct it, or run doctor as a user who may read it.',
    });
  }
  if (isRunning) return ok(paths.length > 0 ? `Running, with ${files}.` : 'Running, without a file.');
  if (paths.length > 0) return ok(`Configured by ${files}${node.isLive ? '; not seen running' : ''}.`);
  return skipped(
    node.isLive
      ? 'No kubelet is seen running, and no configuration of one is found.'
      : 'No configuration of a kubelet is among the files.',
  );
}

function checkCpuManager({ kubelet }: Facts): Outcome {
  return checkManager(kubelet, {
    name: 'CPU manager',
    setting: 'cpuManagerPolicy',
    off: 'none',
    stateFile: 'cpu_manager_state',
    conflict: 'It pins the containers that the plugin pins, and each undoes what the other does.',
    configured: kubelet.cpuManagerPolicy,
    state: kubelet.cpuManagerState,
  });
}

function checkMemoryManager({ kubelet }: Facts): Outcome {
  return checkManager(kubelet, {
    name: 'memory manager',
    setting: 'memoryManagerPolicy',
    off: 'None',
    stateFile: 'memory_manager_state',
    conflict: 'It restricts the memory nodes of containers that the plugin gives CPUs elsewhere.',
    configured: kubelet.memoryManagerPolicy,
    state: kubelet.memoryManagerState,
  });
}

/** One of the kubelet's managers that pin containers, with what its configuration and its state file say. */
interface Manager {
  readonly name: string;
  readonly setting: string;
  readonly off: string;
  readonly stateFile: string;
  readonly conflict: string;
  readonly configured: string | undefined;
  readonly state: string | undefined;
}

function checkManager(kubelet: KubeletConfig, manager: Manager): Outcome {
  const { name, setting, off, stateFile, configured, state } = manager;
  const file = `/${kubelet.stateFolder}/${stateFile}`;
  const isOff = (policy: string | undefined) =>
    policy === undefined || policy.toLowerCase() === off.toLowerCase();
  if (!isOff(configured)) {
    return error(`${setting} is ${configured}. ${manager.conflict}`, ...switchOff(kubelet, manager));
  }
  if (!isOff(state)) {
    return configured === undefined
      ? error(
          `The kubelet ran with policy ${state} (${file}). ${manager.conflict}`,
          ...switchOff(kubelet, manager),
        )
      : error(
          `${setting} is ${configured}, but ${file} still says ${state}: the kubelet will not start with it.`,
          ...restart(kubelet, stateFile),
        );
  }
  if (configured !== undefined) return ok(`${setting} is ${configured}.`);
  if (state !== undefined) return ok(`The kubelet ran with policy ${state} (${file}).`);
  if (kubelet.paths.length > 0) return ok(`${setting} is not set, and ${off} by default.`);
  return skipped(
    `Neither ${setting} nor ${file} is found: look for the ${name} in the kubelet's own set-up.`,
  );
}

function switchOff(kubelet: KubeletConfig, { setting, off, stateFile }: Manager): readonly Remedy[] {
  const [path] = kubelet.paths;
  return [
    {
      what: `Set in ${path === undefined ? "the kubelet's configuration" : `/${path}`}, and drop the flag if there is one:`,
      lines: [`${setting}: ${off}`],
    },
    ...restart(kubelet, stateFile),
  ];
}

/** A kubelet does not start with the state of another policy, so the state has to go while it is down. */
function restart(kubelet: KubeletConfig, stateFile: string): readonly Remedy[] {
  return [
    {
      what: 'With the node drained, start the kubelet without its old state:',
      lines: ['systemctl stop kubelet', `rm /${kubelet.stateFolder}/${stateFile}`, 'systemctl start kubelet'],
    },
  ];
}
