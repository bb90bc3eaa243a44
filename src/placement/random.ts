/** A source of whole numbers from 0 up to but not including `below`. */
export type Random = (below: number) => number;

/** Numbers that look random and are the same for the same seed (Marsaglia, "Xorshift RNGs", 2003). */
export function createRandom(seed: number): Random {
  // Zero would stay zero for ever; the multiplication keeps neighbouring seeds apart.
  let state = Math.imul(seed + 1, 0x9e3779b1) | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 0x1_0000_0000) * below);
  };
}
