/** What can come of a check, best first; `skipped`: it could not be made, and the finding says why. */
export type Level = 'ok' | 'note' | 'skipped' | 'warning' | 'error';

/** What to do about a finding. */
export interface Remedy {
  /** One sentence. */
  readonly what: string;
  /** Commands, or lines of a configuration file, to be taken as they are. */
  readonly lines?: readonly string[];
}

/** What a check found. */
export interface Outcome {
  readonly level: Level;
  /** One or more sentences without line ends. */
  readonly found: string;
  readonly remedies?: readonly Remedy[];
}

/** What a check found, and which one. */
export interface Finding extends Outcome {
  /** Stays the same from version to version, for scripts. */
  readonly id: string;
  readonly group: string;
  readonly title: string;
}

/** One thing that is looked at. Only looks: nothing on the host is changed. */
export interface Check<Facts> {
  readonly id: string;
  readonly title: string;
  readonly run: (facts: Facts) => Outcome | Promise<Outcome>;
}

export const ok = (found: string): Outcome => ({ level: 'ok', found });
export const skipped = (found: string): Outcome => ({ level: 'skipped', found });
export const note = (found: string, ...remedies: readonly Remedy[]): Outcome => ({
  level: 'note',
  found,
  remedies,
});
export const warning = (found: string, ...remedies: readonly Remedy[]): Outcome => ({
  level: 'warning',
  found,
  remedies,
});
export const error = (found: string, ...remedies: readonly Remedy[]): Outcome => ({
  level: 'error',
  found,
  remedies,
});

/** The exit code: 0 when all is well or merely worth knowing, 1 with a warning, 2 with an error. */
export function exitCode(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ level }) => level === 'error')) return 2;
  return findings.some(({ level }) => level === 'warning') ? 1 : 0;
}
