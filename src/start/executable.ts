import { basename, dirname } from 'node:path';
import { getRawAsset } from 'node:sea';
import { compileFunction } from 'node:vm';
import workerThreads, { type WorkerOptions } from 'node:worker_threads';
import { startProgram } from './program.ts';

// Starts the program in the single executable, and each of its worker threads. The files of `dist` are in it as assets, and
// to the code in them it looks as if the executable were a folder with these files: it can require them and start threads
// with them. Nothing is ever written anywhere.

const FOLDER = process.execPath;
const THIS = 'executable.cjs';

/** The file that a thread starts with; in the main thread there is no such variable. */
declare const THREAD_FILE: string | undefined;

/** Starts a thread with a file of the executable: by a text, as for Node there is no file. */
class Worker extends workerThreads.Worker {
  constructor(path: string, options?: WorkerOptions) {
    const isHere = dirname(path) === FOLDER;
    const start = () => `const THREAD_FILE = ${JSON.stringify(path)};${read(THIS)}`;
    super(isHere ? start() : path, isHere ? { ...options, eval: true } : options);
  }
}

function requireHere(id: string): unknown {
  if (dirname(id) === FOLDER) return load(id);
  if (id === 'node:worker_threads') return { ...workerThreads, Worker };
  // In a thread that is started by a text, `require` would also look into folders around the working folder.
  const builtIn = process.getBuiltinModule(id);
  if (builtIn === undefined) throw new Error(`${id} is not in the executable`);
  return builtIn;
}

function load(path: string): unknown {
  const module = { exports: {} };
  const names = ['require', 'module', 'exports', '__filename', '__dirname'];
  const run = compileFunction(read(basename(path)).toString(), names, { filename: path });
  run(requireHere, module, module.exports, path, FOLDER);
  return module.exports;
}

function read(name: string): Buffer {
  return Buffer.from(getRawAsset(name) as ArrayBuffer);
}

if (typeof THREAD_FILE === 'string') load(THREAD_FILE);
else startProgram({ folder: FOLDER, read }, requireHere);
