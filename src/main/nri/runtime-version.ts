/** The version of a runtime's NRI implementation, as far as it matters here. */
export interface NriVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** NRI releases of containerd releases that do not tell it themselves; the first line that fits counts. */
const CONTAINERD_NRI: readonly { readonly from: readonly number[]; readonly nri: NriVersion }[] = [
  { from: [2, 2, 1], nri: { major: 0, minor: 11, patch: 0 } },
  { from: [2, 2, 0], nri: { major: 0, minor: 10, patch: 0 } },
  { from: [2, 0, 0], nri: { major: 0, minor: 8, patch: 0 } },
  { from: [1, 7, 14], nri: { major: 0, minor: 6, patch: 0 } },
  { from: [1, 7, 0], nri: { major: 0, minor: 3, patch: 0 } },
];

/**
 * The NRI version of a runtime: what its Configure request tells (from NRI 0.11 on), else inferred from its name and
 * version, else undefined, to be taken as old.
 */
export function runtimeNriVersion(
  runtimeName: string,
  runtimeVersion: string,
  nriVersion: string,
): NriVersion | undefined {
  const told = numbers(nriVersion);
  if (told !== undefined) return { major: told[0]!, minor: told[1]!, patch: told[2]! };
  const version = numbers(runtimeVersion);
  if (runtimeName !== 'containerd' || version === undefined) return undefined;
  return CONTAINERD_NRI.find(({ from }) => compare(version, from) >= 0)?.nri;
}

/** Whether a version is at least `major.minor.patch`; an unknown one is not. */
export function isAtLeast(
  version: NriVersion | undefined,
  major: number,
  minor: number,
  patch: number,
): boolean {
  if (version === undefined) return false;
  return compare([version.major, version.minor, version.patch], [major, minor, patch]) >= 0;
}

function numbers(text: string): number[] | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let position = 0; position < 3; position++) {
    const difference = a[position]! - b[position]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
