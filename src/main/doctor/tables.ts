/** What a TOML or YAML file holds: names and values, of which some are tables themselves. */
export type Table = Readonly<Record<string, unknown>>;

/** The value at a path of keys; undefined if there is none. */
export function lookUp(table: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce((inner, key) => (isTable(inner) ? inner[key] : undefined), table);
}

/** Lays one table over another, key by key and all the way down. */
export function overlay(below: Table, above: Table): Table {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    merged[key] = isTable(old) && isTable(value) ? overlay(old, value) : value;
  }
  return merged;
}

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
