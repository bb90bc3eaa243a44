/** Whether bit `index` of a bitset of 32-bit words is set. */
export function hasBit(words: Uint32Array, index: number): boolean {
  return (words[index >> 5]! & (1 << (index & 31))) !== 0;
}

export function setBit(words: Uint32Array, index: number): void {
  words[index >> 5]! |= 1 << (index & 31);
}

export function clearBit(words: Uint32Array, index: number): void {
  words[index >> 5]! &= ~(1 << (index & 31));
}

/** Position of the lowest bit set in a word other than 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** A bitset of `bits` bits that holds the bits of `words`. */
export function padded(words: Uint32Array, bits: number): Uint32Array {
  const all = new Uint32Array((bits + 31) >> 5);
  all.set(words);
  return all;
}
