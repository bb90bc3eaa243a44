import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const { KUBECONFIG = '' } = process.env;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Arguments that `kubectl` is always given. */
export const CLUSTER = KUBECONFIG === '' ? [] : [`--kubeconfig=${KUBECONFIG}`];

const execute = promisify(execFile);

/**
 * Runs kubectl on the cluster under test and returns what it prints.
 *
 * @throws Error with what kubectl says is wrong
 */
export async function kubectl(command: readonly string[], input?: object): Promise<string> {
  const running = execute('kubectl', [...CLUSTER, ...command], { encoding: 'utf8', maxBuffer: MAX_OUTPUT });
  running.child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
  try {
    return (await running).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('kubectl is not installed');
    const { stderr } = error as { readonly stderr?: string };
    throw new Error(`kubectl ${command.join(' ')}: ${stderr?.trim() || error}`);
  }
}

/** An object, or a list of them, of the cluster. */
export async function read<T>(command: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl([...command, '--output=json'])) as T;
}
