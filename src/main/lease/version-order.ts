const SYNTAX = /^(\d+)\.(\d+)\.(\d+)(?:-([\da-z.-]+))?(?:\+[\da-z.-]+)?$/i;

/**
 * Whether a release is newer than another one (Semantic Versioning 2.0.0, section 11). What is no version is older than all
 * that are one.
 */
export function isNewer(version: string, than: string): boolean {
  const one = SYNTAX.exec(version);
  const other = SYNTAX.exec(than);
  if (one === null || other === null) return one !== null && other === null;
  for (const part of [1, 2, 3]) {
    const difference = Number(one[part]) - Number(other[part]);
    if (difference !== 0) return difference > 0;
  }
  return comparePreReleases(one[4], other[4]) > 0;
}

function comparePreReleases(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined)
    return Number(one === undefined) - Number(other === undefined);
  const ones = one.split('.');
  const others = other.split('.');
  for (const [position, identifier] of ones.entries()) {
    const difference = compareIdentifiers(identifier, others[position]);
    if (difference !== 0) return difference;
  }
  return ones.length - others.length;
}

/** Numbers by value and before words, words by their bytes; none comes first. */
function compareIdentifiers(one: string, other: string | undefined): number {
  if (other === undefined) return 1;
  const areNumbers = [one, other].map((identifier) => /^\d+$/.test(identifier));
  if (areNumbers[0] && areNumbers[1]) return Number(one) - Number(other);
  if (areNumbers[0] || areNumbers[1]) return areNumbers[0] ? -1 : 1;
  return one === other ? 0 : one < other ? -1 : 1;
}
