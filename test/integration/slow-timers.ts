// Loaded before the program, this has its timers take sixty times as long: for what the program gives a runtime a second to do,
// and a test on a busy machine may come late to.

const FACTOR = 60;
const { setTimeout: start } = globalThis;

globalThis.setTimeout = ((callback: (...values: unknown[]) => void, ms = 1, ...values: unknown[]) =>
  start(callback, FACTOR * ms, ...values)) as typeof setTimeout;
