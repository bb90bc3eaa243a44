// Usage: node --random-seed=1 make-code-cache.cjs FOLDER PACK...
// Writes what V8 makes of FOLDER/PACK.cjs to FOLDER/PACK.code-cache. It is for this version of V8 and this architecture only.
// The seed makes it the same every time.

const { readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const [folder, ...packs] = process.argv.slice(2);
for (const pack of packs) {
  const text = readFileSync(`${folder}/${pack}.cjs`, 'utf8');
  // Every function, not only those that V8 thinks are called at once. The flag must not be on when the code is written, or it
  // would have to be on when the code is read.
  setFlagsFromString('--no-lazy');
  const script = new Script(text, { filename: `${pack}.cjs` });
  setFlagsFromString('--lazy');
  writeFileSync(`${folder}/${pack}.code-cache`, script.createCachedData());
}
