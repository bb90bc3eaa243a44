import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the heap near what is in use, which is 10 to 20 MB, instead of the 60 to 100 MB that V8 lets it grow to when nobody is in
 * need of memory. To be called whenever a thread may have been started: V8 forgets the first of these then. On the command line
 * of Node they would cost the code cache.
 */
export function keepHeapSmall(): void {
  // The space for what is new does not grow any more. It would double, to 32 MB, while a listing is read, and stay so.
  setFlagsFromString('--semi-space-growth-factor=1');
  // What is old is looked through when there is a third more of it: containers and records of the journal come and go.
  setFlagsFromString('--heap-growing-percent=30');
}
