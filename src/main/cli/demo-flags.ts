import type { Flag } from './flags.ts';
import { COLOR } from './known-flags.ts';

/** The host that `demo` simulates if it is not told another. */
export const DEFAULT_TOPOLOGY = '2 packages, 4 nodes each, 16 cores each, SMT 2';

/** Flags of `demo`. */
export const DEMO_FLAGS: readonly Flag[] = [
  { name: 'topology', placeholder: 'SPEC', fallback: DEFAULT_TOPOLOGY, help: 'the host to simulate' },
  COLOR,
];
