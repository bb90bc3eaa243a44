import { DEMO_FLAGS } from './demo-flags.ts';
import { type Flag, isSwitch } from './flags.ts';
import {
  DOCTOR_FLAGS,
  EXPLAIN_FLAGS,
  INSTALL_FLAGS,
  JOURNAL_FLAGS,
  MAP_FLAGS,
  PREFIX,
  RUN_FLAGS,
  SETTING_FLAGS,
  SIMULATE_FLAGS,
  STATUS_FLAGS,
  TOPOLOGY_FLAGS,
} from './known-flags.ts';
import { wrap } from './paint.ts';

const WIDTH = 80;
/** Where the right side begins. */
const COLUMN = 30;

/** The commands that ask the running plugin share most of their flags. */
const ASK_FLAGS = [...new Set([...STATUS_FLAGS, ...MAP_FLAGS, ...EXPLAIN_FLAGS, ...JOURNAL_FLAGS])];

/** What `help` prints: at most 80 columns, no line end at the end. */
export function helpText(): string {
  return `Places the containers of a Kubernetes node on CPUs, over NRI.

Usage: weka-cpuset [run] [FLAGS]
       weka-cpuset status [--json]
       weka-cpuset map [--watch]
       weka-cpuset explain POD|CONTAINER
       weka-cpuset journal [--follow] [--json]
       weka-cpuset simulate --pods FILE [--topology SPEC | --from-live]
       weka-cpuset doctor [--json]
       weka-cpuset topology [--json]
       weka-cpuset install --to FILE
       weka-cpuset demo [--topology SPEC]
       weka-cpuset version | help

run       connect to the container runtime and place containers (the default)

These ask the running plugin:
status    what it is connected to, its time-outs, and whether all is as wanted
map       draw the host: who owns which CPU
explain   why a container is where it is, and what has moved it since; named by
          pod, namespace/pod, namespace/pod/container or container id
journal   its decisions

These need no plugin:
simulate  try pods on a host: what fits, what moves, what is refused and why
doctor    check this node, and say how to put right what is wrong
topology  show the CPUs, caches and memory nodes of this host
install   copy this executable to where the runtime starts plugins from
demo      show placement on a simulated host; no runtime is needed

Flags of run:
${describe(RUN_FLAGS)}

Settings, as flags of run and simulate:
${describe(SETTING_FLAGS)}

Flags of status, map, explain and journal:
${describe(ASK_FLAGS)}

Flags of simulate:
${describe(SIMULATE_FLAGS)}

Flags of doctor:
${describe(DOCTOR_FLAGS)}

Flags of topology:
${describe(TOPOLOGY_FLAGS)}

Flags of install:
${describe(INSTALL_FLAGS)}

Flags of demo:
${describe(DEMO_FLAGS)}

Flags that are on or off also take "--no-FLAG" and "--FLAG=false".

Environment: every flag of run has a variable, either the NRI_ name shown or
${PREFIX} and its name, such as ${PREFIX}MIN_SHARED_CPUS=2 or
${PREFIX}DEBUG=true. A plugin that the runtime starts itself is given the
NRI_ names, and in NRI_PLUGIN_SOCKET the number of its socket's descriptor.

Settings come from the built-in defaults, the config file, the runtime's NRI
configuration, the environment and the flags; the later ones win. The file and
the NRI configuration are YAML: "min-shared-cpus: 2" or "minSharedCpus: 2".

Log: the standard error stream; a plugin that the runtime starts itself writes
to /var/log/weka-nri-cpuset.log, else to the systemd journal.

Exit codes: 0 done, 1 failed (status: it is not ready; explain: no such name;
simulate: something is refused), 2 bad flag, variable, configuration or pods.
Of doctor: 0 all is well, 1 a warning, 2 an error.`;
}

function describe(flags: readonly Flag[]): string {
  return flags.flatMap(describeFlag).join('\n');
}

/** The flag on the left; on the right what it is, its variable where that has a name of its own, and its default. */
function describeFlag({ variable, fallback, ...flag }: Flag): readonly string[] {
  const left = `  --${flag.name}${isSwitch(flag) ? '' : ` ${flag.placeholder}`}`;
  const details = [
    variable?.startsWith(PREFIX) ? undefined : variable,
    fallback && !isSwitch(flag) ? `default ${fallback}` : undefined,
  ].filter(Boolean);
  const text = details.length === 0 ? flag.help : `${flag.help} (${details.join('; ')})`;
  return wrap(text, WIDTH - COLUMN).map((line, row) => (row === 0 ? left : '').padEnd(COLUMN) + line);
}
