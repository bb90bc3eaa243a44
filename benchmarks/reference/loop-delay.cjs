'use strict';
const { isMainThread } = require('node:worker_threads');

// Loaded by Node before a plugin's own program: measures how late the event loop of the main thread is. The driver says on file
// descriptor 4 when that begins and ends, a word a line, and is then answered with a line of JSON.

const DRIVER = 4;
/** How often it is looked, in milliseconds. Every 2 ms would make the plugin that does nothing 4 % slower, this at most 2 %. */
const INTERVAL = 4;

if (isMainThread) {
  const { openSync, readSync } = require('node:fs');
  const { Socket } = require('node:net');
  const { createInterface } = require('node:readline');

  const statistics = openSync('/proc/thread-self/schedstat', 'r');
  const buffer = Buffer.alloc(64);
  /** How long this thread has been ready to run and had no CPU, in milliseconds (kernel, Documentation/scheduler/sched-stats.rst). */
  const waited = () => {
    const length = readSync(statistics, buffer, 0, buffer.length, 0);
    return Number(buffer.latin1Slice(0, length).split(' ')[1]) / 1e6;
  };

  /** Of each look, in turn: how late it was, and how long the thread waited for a CPU meanwhile. */
  let looks = [];
  let due = 0;
  let waitedBefore = 0;
  const expectNext = (now, waitedNow) => {
    due = now + INTERVAL;
    waitedBefore = waitedNow;
  };
  const look = () => {
    const now = performance.now();
    const waitedNow = waited();
    looks.push(Math.max(0, now - due), waitedNow - waitedBefore);
    expectNext(now, waitedNow);
  };

  let timer;
  const commands = {
    begin() {
      expectNext(performance.now(), waited());
      timer = setInterval(look, INTERVAL).unref();
    },
    end() {
      clearInterval(timer);
      driver.write(`${JSON.stringify(looks)}\n`);
      looks = [];
    },
  };
  const driver = new Socket({ fd: DRIVER }).unref();
  driver.on('error', () => {});
  createInterface(driver).on('line', (name) => commands[name]());
  // It is there.
  driver.write('[]\n');
}
