import type { JournalRecord } from './journal.ts';
import type { Logger } from './log.ts';

/** One line per decision: what changed at level info, what did not at debug, what could not be done as a warning. */
export function logDecision(logger: Logger, decision: JournalRecord): void {
  const { operation, event, outcome, container, kind, cpus, warnings = [] } = decision;
  const level = outcome === 'refused' ? 'warn' : outcome === 'kept' ? 'debug' : 'info';
  if (logger.isLevelEnabled(level)) {
    const { sequence, time, warnings: apart, ...record } = decision;
    const onCpus = cpus === undefined || cpus === '' ? '' : ` on CPUs ${cpus}`;
    logger[level](
      record,
      [event, container, kind && `(${kind})`, outcome].filter(Boolean).join(' ') + onCpus,
    );
  }
  for (const warning of warnings) logger.warn({ operation, container }, warning);
}
