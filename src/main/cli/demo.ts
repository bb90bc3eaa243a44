import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createTopology, type Topology } from '../../placement/topology.ts';
import { ConfigError } from '../config-error.ts';
import { EmbeddedRuntime } from '../runtime/runtime.ts';
import { SysfsTree } from '../runtime/sysfs-tree.ts';
import { makeScratchFolder } from '../scratch-folder.ts';
import { DEFAULT_TOPOLOGY, DEMO_FLAGS } from './demo-flags.ts';
import { DemoNarrator } from './demo-narrator.ts';
import { MIN_STORY_CPUS, tellStory } from './demo-story.ts';
import { readFlags } from './flags.ts';
import { wantsColour } from './paint.ts';
import { PluginProcess } from './plugin-process.ts';
import { readTopologyFlag } from './topology-flag.ts';

/** A plugin that has not registered by then never will, on the slowest machine. */
const READY_MS = 20_000;
/** More than runtimes allow, for a machine that has little time for a demo. */
const REQUEST_TIMEOUT_MS = 10_000;
/** What ends the demo from outside; the last comes when its terminal is closed. */
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** To which a shell adds the number of the signal that ended a program. */
const ENDED_BY_SIGNAL = 128;

/**
 * Shows the plugin at work on a simulated host: this program as the plugin, in a process of its own, and the embedded runtime
 * that talks to it over NRI. Nothing of the machine it runs on is touched but a temporary folder.
 *
 * @returns the exit code: 1 if an invariant broke or something went otherwise than it should
 * @throws ConfigError for a bad flag
 */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const { topology: specification, colour } = readOptions(argv);
  const parts = readTopologyFlag(specification);
  const topology = createTopology(parts);
  if (topology.online.size < MIN_STORY_CPUS) {
    throw new ConfigError(`--topology: the demo needs a host of at least ${MIN_STORY_CPUS} CPUs`);
  }

  const directory = makeScratchFolder('weka-cpuset-demo-');
  let plugin: PluginProcess | undefined;
  const cleanUp = () => {
    plugin?.kill();
    // Until the plugin is dead it may still write.
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  };
  const interrupt = (signal: NodeJS.Signals) => process.exit(ENDED_BY_SIGNAL + constants.signals[signal]);
  process.on('exit', cleanUp);
  for (const signal of INTERRUPTS) process.on(signal, interrupt);
  try {
    const socketPath = join(directory, 'nri.sock');
    const hostRoot = join(directory, 'host');
    mkdirSync(hostRoot);
    new SysfsTree(hostRoot, parts);
    const requestTimeoutMs = REQUEST_TIMEOUT_MS;
    const runtime = await EmbeddedRuntime.start({ socketPath, online: topology.online, requestTimeoutMs });
    plugin = new PluginProcess(socketPath, hostRoot, directory);
    try {
      const code = await play(runtime, plugin, topology, colour);
      if (process.stdout.isTTY) {
        process.off('SIGINT', interrupt);
        await servePage(plugin);
      }
      return code;
    } finally {
      await plugin.stop();
      await runtime.close();
    }
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
  }
}

async function play(
  runtime: EmbeddedRuntime,
  plugin: PluginProcess,
  topology: Topology,
  colour: boolean,
): Promise<number> {
  const narrator = new DemoNarrator({ runtime, plugin, topology, colour });
  const died = plugin.exited.then((how) => {
    throw new Error(how);
  });
  const started = performance.now();
  await Promise.race([runtime.whenReady(READY_MS), died]);
  narrator.opening(performance.now() - started);
  await Promise.race([tellStory(runtime, topology, narrator), died]);
  return narrator.closing() ? 0 : 1;
}

/** Leaves the plugin and its page as the story has left them, until somebody has seen enough. */
async function servePage(plugin: PluginProcess): Promise<void> {
  const ended = Promise.race([once(process, 'SIGINT'), plugin.exited]);
  const address = await Promise.race([plugin.page, ended.then(() => undefined)]);
  if (address === undefined) return;
  process.stdout.write(`\nThe live page of this host: ${address}   (Ctrl-C ends it)\n`);
  await ended;
}

function readOptions(argv: readonly string[]): { readonly topology: string; readonly colour: boolean } {
  const { flags } = readFlags(DEMO_FLAGS, argv, {});
  const color = flags.get('color')?.value;
  return {
    topology: flags.get('topology')?.value ?? DEFAULT_TOPOLOGY,
    colour: wantsColour(color === undefined ? undefined : color === 'true'),
  };
}
