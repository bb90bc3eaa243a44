import { readFileSync, writeFileSync } from 'node:fs';

// renumber-cpus.ts IN OUT: rewrites a table of processors so that Linux, which numbers CPUs in its order, begins with the
// first thread of every core, as most servers do. (ACPI Specification, "Multiple APIC Description Table")

const HEADER = 44;
const LENGTH_AT = 4;
const CHECKSUM_AT = 9;
const REVISION_AT = 24;
const LOCAL_APIC = 0;
const LOCAL_X2APIC = 9;

const [from = '', to = ''] = process.argv.slice(2);
const image = readFileSync(from);
const table = image.subarray(0, image.readUInt32LE(LENGTH_AT));
const header = Buffer.from(table.subarray(0, HEADER));
const entries: Buffer[] = [];
for (let at = HEADER; at < table.length; at += table[at + 1]!) {
  entries.push(table.subarray(at, at + table[at + 1]!));
}

const isCpu = (entry: Buffer): boolean => entry[0] === LOCAL_APIC || entry[0] === LOCAL_X2APIC;
const apicId = (entry: Buffer): number => (entry[0] === LOCAL_APIC ? entry[3]! : entry.readUInt32LE(4));
/** The machine has two threads a core, and their ids differ in the last bit. */
const thread = (entry: Buffer): number => apicId(entry) & 1;

const cpus = entries.filter(isCpu).toSorted((a, b) => thread(a) - thread(b) || apicId(a) - apicId(b));
// The kernel keeps the table it has unless the other one is newer.
header.writeUInt32LE(header.readUInt32LE(REVISION_AT) + 1, REVISION_AT);
const changed = Buffer.concat([header, ...cpus, ...entries.filter((entry) => !isCpu(entry))]);
changed[CHECKSUM_AT] = 0;
changed[CHECKSUM_AT] = -changed.reduce((sum, byte) => sum + byte, 0) & 0xff;
writeFileSync(to, changed);
