/**
 * A test for texts that match one of the patterns as a whole: `*` stands for any run of characters (also none), `?` for
 * exactly one, and every other character for itself. Takes at most pattern × text steps, whatever the patterns.
 */
export function globMatcher(patterns: readonly string[]): (text: string) => boolean {
  return (text) => patterns.some((pattern) => matches(pattern, text));
}

function matches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  // Where to go on when a match fails: just behind the last star, which then swallows one character more. Earlier stars
  // never need another try, so nothing is tried twice.
  let afterStar = -1;
  let starEnd = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      afterStar = ++p;
      starEnd = t;
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++;
      t++;
    } else if (afterStar >= 0) {
      p = afterStar;
      t = ++starEnd;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
