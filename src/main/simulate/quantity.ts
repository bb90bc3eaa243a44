/** Text that is no Kubernetes quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

type Suffix = readonly [suffix: string, scale: readonly [factor: bigint, divisor: bigint]];

/** Suffixes as a factor over a divisor (Kubernetes API: `resource.Quantity`). */
const SUFFIXES = new Map<Suffix[0], Suffix[1]>([
  ['n', [1n, 10n ** 9n]],
  ['u', [1n, 10n ** 6n]],
  ['m', [1n, 1000n]],
  ['', [1n, 1n]],
  ...['k', 'M', 'G', 'T', 'P', 'E'].map(
    (suffix, power): Suffix => [suffix, [1000n ** BigInt(power + 1), 1n]],
  ),
  ...['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map(
    (suffix, power): Suffix => [suffix, [1024n ** BigInt(power + 1), 1n]],
  ),
]);
const SYNTAX = /^\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,2})|([a-zA-Z]{0,2}))$/;

/**
 * Reads a Kubernetes quantity such as `500m`, `2`, `1.5`, `64Gi` or `1e3`, as a number of `unit`ths: 1000 for CPUs in
 * thousandths, 1 for bytes. What is finer is rounded up, as Kubernetes does.
 *
 * @throws QuantityError for text that is none, and for one below zero
 */
export function parseQuantity(text: string, unit: 1 | 1000): number {
  const [, digits, exponent, suffix = ''] = SYNTAX.exec(text.trim()) ?? [];
  const scale = SUFFIXES.get(suffix);
  if (digits === undefined || scale === undefined) {
    throw new QuantityError(`${JSON.stringify(text)} is not a quantity such as 500m, 2, 1.5 or 64Gi`);
  }
  const [whole = '', fraction = ''] = digits.split('.');
  const power = Number(exponent ?? 0);
  const numerator = BigInt(whole + fraction) * BigInt(unit) * scale[0] * 10n ** BigInt(Math.max(power, 0));
  const denominator = scale[1] * 10n ** BigInt(fraction.length + Math.max(-power, 0));
  return Number((numerator + denominator - 1n) / denominator);
}
