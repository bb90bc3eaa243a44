import type { SettingValue } from './settings.ts';

/** What an operator gave is wrong. The message is one line: where it was given, what is wrong and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'BAD_CONFIGURATION';

  constructor(message: string) {
    // A file name or a key may hold anything, also line ends; a log and a terminal get one line.
    super(message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim());
  }
}

/** A value as an error message shows it: in one line and not too long. */
export function quote(value: SettingValue): string {
  const json = JSON.stringify(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
