import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from './program.ts';

// Starts the program of the folder that this file is in.

startProgram({ folder: __dirname, read: (name) => readFileSync(join(__dirname, name)) }, require);
