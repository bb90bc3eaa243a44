import { PREFIX, RUN_FLAGS, SETTING_FLAGS, TOPOLOGY_FLAGS } from './args.ts';
import { DEMO_FLAGS } from './demo-flags.ts';
import { type Flag, isSwitch } from './flags.ts';

const WIDTH = 80;
/** Where the right side begins. */
const COLUMN = 30;

/** What `help` prints: at most 80 columns, no line end at the end. */
export function helpText(): string {
  return `Places the containers of a Kubernetes node on CPUs, over NRI.

Usage: weka-cpuset [run] [FLAGS]
       weka-cpuset topology [--json] [--host-root DIR]
       weka-cpuset demo [--topology SPEC]
       weka-cpuset version | help

run       connect to the container runtime and place containers (the default)
topology  show the CPUs, caches and memory nodes of this host
demo      show placement on a simulated host; no runtime is needed

Flags of run:
${describe(RUN_FLAGS)}

Settings, as flags of run:
${describe(SETTING_FLAGS)}

Flags of topology:
${describe(TOPOLOGY_FLAGS)}

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

Exit codes: 0 done, 1 failed, 2 bad flag, variable or configuration.`;
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

/** Breaks at blanks; no word is longer than a line. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
