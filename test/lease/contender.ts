import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Lease, type Role } from '../../src/main/lease/lease.ts';

// An instance that does nothing but take part: whenever it is active it listens on a socket of a name that the kernel gives to
// one process only, and frees when that one ends. Tells on its standard output what becomes of it.

const [folder, version = '1.0.0', launched, isConnected] = process.argv.slice(2);

/** Sockets of processes that are being killed go one after the other, and that may take a while. */
const DYING_MS = 2000;

let role: Role | undefined;
let witness: Server | undefined;

async function onRole(next: Role): Promise<void> {
  role = next;
  tell(role);
  if (role === 'active') {
    await bearWitness();
  } else if (witness !== undefined) {
    const server = witness;
    witness = undefined;
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Takes the name, which must be free, for as long as this is active. */
async function bearWitness(): Promise<void> {
  const deadline = Date.now() + DYING_MS;
  let isTold = false;
  while (role === 'active' && witness === undefined) {
    const server = createServer();
    const isListening = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(`\0${folder}`, () => resolve(true));
    });
    if (isListening && role === 'active') witness = server;
    else server.close();
    if (!isTold && witness === undefined && Date.now() > deadline) {
      isTold = true;
      tell('two are active');
    }
    await sleep(5);
  }
}

function tell(what: string): void {
  process.stdout.write(`${what}\n`);
}

const log = { info: tell, warn: tell, error: tell } as unknown as Logger;
const lease = new Lease({
  folder,
  version,
  launched: launched === 'launched',
  log: Promise.resolve(log),
  isConnected: () => isConnected !== 'unconnected',
  onRole,
});
let isEnding = false;
process.on('SIGTERM', async () => {
  isEnding = true;
  await lease.close();
  process.exit(0);
});
while (!isEnding) {
  const turn = await lease.nextTurn();
  if (turn === undefined) break;
  while (!turn.aborted && !(await lease.take())) await sleep(10);
  if (!turn.aborted) await once(turn, 'abort');
}
