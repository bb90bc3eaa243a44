/** Collects a header of fixed size that may arrive cut at any byte. */
export class HeaderReader {
  readonly bytes: Buffer;
  #filled = 0;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  /** Takes what is missing from `chunk` at `offset`; returns the offset behind it. */
  fill(chunk: Buffer, offset: number): number {
    const taken = chunk.copy(this.bytes, this.#filled, offset);
    this.#filled += taken;
    return offset + taken;
  }

  get isComplete(): boolean {
    return this.#filled === this.bytes.length;
  }

  get isEmpty(): boolean {
    return this.#filled === 0;
  }

  /** Makes it ready for the next header; `bytes` keeps the last one until then. */
  reset(): void {
    this.#filled = 0;
  }
}
