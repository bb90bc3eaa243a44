import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContainerState } from '../../../src/protocol/nri.ts';
import { integer } from '../ledger/fixtures.ts';
import { CONTAINERD, resources, setUp, TIMEOUT_MS, told } from './fixtures.ts';

test('an update of a container that has ended does not give it CPUs again', async (t) => {
  const { runtime, ledger } = await setUp(t);
  const db = integer('db', 2);
  await runtime.createContainer(told(db), TIMEOUT_MS);
  await runtime.stopContainer(told(db, ContainerState.STOPPED), TIMEOUT_MS);
  const linuxResources = resources(db.container.resources);
  const { update } = await runtime.updateContainer(
    { ...told(db, ContainerState.STOPPED), linuxResources },
    TIMEOUT_MS,
  );
  assert.deepEqual(update, []);
  assert.equal(ledger.entries.size, 0);
});

test('a dry run fails no event that cannot be decided in time', async (t) => {
  const hasty = { ...CONTAINERD, requestTimeout: 40 };
  const { runtime, mailbox, events } = await setUp(t, { dryRun: true, configure: hasty });
  let end!: () => void;
  mailbox.run(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const { adjust } = await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
  assert.equal(adjust, null);
  await runtime.synchronize({}, TIMEOUT_MS);
  assert.deepEqual(events.slice(1), ['create late', 'synchronize late']);
  end();
});

test('a dry run fails no event by a fault of ours', async (t) => {
  const { runtime, ledger, log } = await setUp(t, { dryRun: true });
  ledger.create = () => {
    throw new Error('a fault');
  };
  const { adjust } = await runtime.createContainer(told(integer('db', 2)), TIMEOUT_MS);
  assert.equal(adjust, null);
  assert.match(log.join(), /create failed/);
});
