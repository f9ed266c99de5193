import { fileURLToPath } from 'node:url';
import { stale, update } from './files.js';

// npx tsx schemas/main.ts [--check]: brings schemas/json up to date, or names the stale files.
const folder = fileURLToPath(new URL('json', import.meta.url));
const check = process.argv.includes('--check');
const names = check ? stale(folder) : update(folder);
for (const name of names)
  console.log(
    check
      ? `stale: schemas/json/${name} (run npx tsx schemas/main.ts)`
      : `wrote schemas/json/${name}`,
  );
if (check && names.length > 0) process.exitCode = 1;
