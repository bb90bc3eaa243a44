import { counted } from '../cli/paint.ts';
import { requestTimeoutFor, UPDATE_MS } from '../nri/request-timeout.ts';
import { seconds } from './durations.ts';
import { type Facts, socketFile } from './facts.ts';
import { type Check, error, note, type Outcome, ok, type Remedy, skipped, warning } from './finding.ts';
import { NRI_DEFAULTS, type RuntimeConfig } from './runtime-config.ts';

export const RUNTIME_CHECKS: readonly Check<Facts>[] = [
  { id: 'nri-config', title: 'NRI', run: checkNriConfig },
  { id: 'nri-socket', title: 'NRI socket', run: checkNriSocket },
  { id: 'nri-timeouts', title: 'NRI time-outs', run: checkNriTimeouts },
];

const NO_RUNTIME = 'No configuration of containerd or CRI-O is found, so their defaults are assumed.';

function checkNriConfig({ node, runtime }: Facts): Outcome {
  if (runtime === undefined) return skipped(NO_RUNTIME);
  const name = describe(runtime);
  if (runtime.problems.length > 0) {
    return error(`${runtime.kind}'s configuration: ${runtime.problems.join('; ')}.`, {
      what: 'Correct it, or run doctor as a user who may read it. Until then, what depends on it is not known for sure.',
    });
  }
  if (runtime.nri.disabledBy !== undefined) {
    return error(`NRI is among the disabled plugins in ${name}.`, {
      what: `In ${configFile(runtime, runtime.nri.disabledBy)}, take this out of disabled_plugins, and restart the runtime:`,
      lines: ['"io.containerd.nri.v1.nri"', '', `systemctl restart ${serviceOf(runtime)}`],
    });
  }
  if (runtime.nri.enabled === false) {
    return error(`NRI is switched off in ${name}.`, configureNri(runtime, { enabled: true }));
  }
  if (!runtime.nri.acceptsConnections) {
    return warning(
      `NRI is on in ${name}, but plugins may not connect: only one that the runtime starts itself can work.`,
      configureNri(runtime, { connections: true }),
    );
  }
  if (runtime.nri.enabled === true) return ok(`On in ${name}.`);
  const since = runtime.kind === 'CRI-O' ? 'CRI-O 1.30' : 'containerd 2.0';
  if (node.isLive && node.obstacle(socketFile(runtime)) !== 'ENOENT') {
    return ok(`${name} does not say, but there is a socket: it is on by default.`);
  }
  return warning(
    `${name} does not say: NRI is on by default only since ${since}.`,
    configureNri(runtime, { enabled: true }),
  );
}

async function checkNriSocket(facts: Facts): Promise<Outcome> {
  const { node, runtime, socketPath: path, isSocketGiven } = facts;
  if (!node.isLive && !isSocketGiven) {
    return skipped(`${path} cannot be connected to: these are files, not a running host.`);
  }
  // To the runtime this is a plugin that hangs up before it has registered, which it logs and forgets.
  const code = await node.connect(path);
  const service = serviceOf(runtime);
  switch (code) {
    case undefined:
      return isSocketGiven || runtime === undefined || runtime.nri.socketPath === NRI_DEFAULTS.socketPath
        ? ok(`${path} answers.`)
        : note(`${path} answers; it is not where plugins look by default.`, {
            what: 'Tell the plugin:',
            lines: [`weka-cpuset run --socket=${runtime.nri.socketPath}`],
          });
    case 'ENOENT':
      return error(`${path} does not exist.`, {
        what: 'Switch NRI on, start the runtime, and in a container mount the folder of the socket:',
        lines: [`systemctl status ${service}`, 'ls -l /var/run/nri/'],
      });
    case 'ECONNREFUSED':
      return error(`${path} exists, but nobody listens: a runtime that has ended left it behind.`, {
        what: 'Start the runtime:',
        lines: [`systemctl restart ${service}`],
      });
    case 'EACCES':
    case 'EPERM':
      return error(`${path} may not be used by us.`, {
        what: 'Run as root. In a container under SELinux, run privileged or with a type that may connect:',
        lines: ['securityContext:', '  runAsUser: 0', '  seLinuxOptions: {type: spc_t}'],
      });
    default:
      return error(`${path} cannot be connected to (${code}).`, {
        what: 'Look at what the runtime says:',
        lines: [`journalctl -u ${service} -n 50`],
      });
  }
}

/** The kubelet's default of `maxPods`. */
const DEFAULT_MAX_PODS = 110;

/** Nothing should be given up in the time that the runtime may need for one event, see `requestTimeoutFor`. */
function checkNriTimeouts({ node, runtime, cgroups, kubelet }: Facts): Outcome {
  const { registrationTimeoutMs, requestTimeoutMs } = runtime?.nri ?? NRI_DEFAULTS;
  const maxPods = kubelet.maxPods ?? DEFAULT_MAX_PODS;
  const running = cgroups?.containers ?? 0;
  const containers = Math.max(maxPods, running);
  const updatesMs = containers * UPDATE_MS;
  const needed =
    `${counted(containers, 'container')} (${running > maxPods ? 'running now' : "one for each of the kubelet's maxPods"})` +
    ` can take ${seconds(updatesMs)} to update`;
  const found = `Registration ${seconds(registrationTimeoutMs)}, request ${seconds(requestTimeoutMs)}; ${needed}.`;
  const registration = Math.max(NRI_DEFAULTS.registrationTimeoutMs, updatesMs);
  const request = requestTimeoutFor(containers);
  const source = runtime === undefined ? ' These are the defaults: no configuration was found.' : '';
  if (registrationTimeoutMs >= registration && requestTimeoutMs >= request) {
    return source !== '' && !node.isLive ? skipped(found + source) : ok(found + source);
  }
  return warning(
    `${found} A plugin that takes longer is thrown out, and containers are then created without its CPUs.${source}`,
    configureNri(runtime, {
      ...(registrationTimeoutMs < registration && { registrationMs: registration }),
      ...(requestTimeoutMs < request && { requestMs: request }),
    }),
  );
}

interface NriWishes {
  readonly enabled?: true;
  readonly connections?: true;
  readonly registrationMs?: number;
  readonly requestMs?: number;
}

/** How to change NRI in a runtime's configuration. */
function configureNri(runtime: RuntimeConfig | undefined, wishes: NriWishes): Remedy {
  const isCrio = runtime?.kind === 'CRI-O';
  const duration = (ms: number) => `"${Math.ceil(ms / 1000)}s"`;
  const { enabled, connections, registrationMs, requestMs } = wishes;
  const [prefix, section] = isCrio ? ['nri_', '[crio.nri]'] : ['', '[plugins."io.containerd.nri.v1.nri"]'];
  const settings = [
    enabled && (isCrio ? 'enable_nri = true' : 'disable = false'),
    connections && `${prefix}disable_connections = false`,
    registrationMs && `${prefix}plugin_registration_timeout = ${duration(registrationMs)}`,
    requestMs && `${prefix}plugin_request_timeout = ${duration(requestMs)}`,
  ].filter((line) => typeof line === 'string');
  return {
    what: `Set in ${configFile(runtime, runtime?.nri.path)}, and restart the runtime:`,
    lines: [section, ...settings.map((line) => `  ${line}`), '', `systemctl restart ${serviceOf(runtime)}`],
  };
}

/** The file to change, `path` if that is known; K3s and RKE2 write their own anew at each start, from a template. */
function configFile(runtime: RuntimeConfig | undefined, path: string | undefined): string {
  const fallback =
    runtime?.kind === 'CRI-O' ? 'etc/crio/crio.conf.d/10-nri.conf' : 'etc/containerd/config.toml';
  const main = path ?? (runtime?.kind === 'containerd' ? runtime.paths[0] : undefined) ?? fallback;
  if (!main.includes('/rancher/')) return `/${main}`;
  const template = (runtime?.version ?? 0) >= 3 ? 'config-v3.toml.tmpl' : 'config.toml.tmpl';
  return `/${main.replace(/config\.toml$/, template)} (after a line {{ template "base" . }})`;
}

function serviceOf(runtime: RuntimeConfig | undefined): string {
  if (runtime?.kind === 'CRI-O') return 'crio';
  const [, flavour] = /rancher\/(k3s|rke2)\//.exec(runtime?.paths[0] ?? '') ?? [];
  return flavour === undefined ? 'containerd' : flavour === 'k3s' ? 'k3s' : 'rke2-agent';
}

function describe({ kind, version, paths }: RuntimeConfig): string {
  const [main, ...more] = paths;
  if (main === undefined) return `${kind}'s built-in defaults`;
  const format = version === undefined ? '' : `, version ${version}`;
  const others = more.length === 0 ? '' : ` and ${counted(more.length, 'file')} more`;
  return `${kind}'s configuration (/${main}${format}${others})`;
}
