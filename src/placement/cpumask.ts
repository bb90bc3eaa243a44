import { MAX_LIST_LENGTH } from './cpulist.ts';
import { Cpuset } from './cpuset.ts';

/**
 * Parses the kernel's mask format: hexadecimal 32-bit words separated by commas, highest CPUs first, the first word
 * possibly shortened (`cpuset(7)`, "Mask format"). Undefined for anything else.
 */
export function parseCpuMask(text: string): Cpuset | undefined {
  if (text.length > MAX_LIST_LENGTH || !/^[0-9a-f]{1,8}(,[0-9a-f]{8})*$/i.test(text)) return undefined;
  const words = text.split(',').reverse();
  return Cpuset.fromWords(Uint32Array.from(words, (word) => Number.parseInt(word, 16)));
}
