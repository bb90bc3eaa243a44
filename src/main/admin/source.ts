import type { PlannerStats } from '../../workers/planner.ts';
import type { Mailbox } from '../actor.ts';
import type { Config } from '../config.ts';
import type { Journal } from '../journal.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Policy } from '../ledger/policy.ts';
import type { RuntimeFacts } from '../nri/session.ts';
import type { ReconcilerCounts } from '../reconciler.ts';
import type { PluginView } from './api.ts';
import type { Observations } from './observations.ts';

/**
 * What the admin server shows. It reads when somebody asks, never inside a turn; what comes later than the start is a
 * function.
 */
export interface AdminSource {
  readonly plugin: Omit<PluginView, 'standby'>;
  readonly mailbox: Mailbox;
  readonly journal: Journal;
  readonly observations: Observations;
  config(): Config;
  /** What is wrong with changes of the settings after which those before stayed in force. */
  refusedSettings(): readonly string[];
  policy(): Policy;
  ledger(): Ledger | undefined;
  runtime(): RuntimeFacts | undefined;
  planner(): PlannerStats | undefined;
  reconcile(): ReconcilerCounts;
  /** Whether this instance decides, and does not wait for another one on the node to end. */
  isActive(): boolean;
}
