import { fileURLToPath } from 'node:url';
import { stale, update } from './files.js';

// npx tsx schemas/main.ts [--check]: brings the generated files up to date, or names the stale ones.
const root = fileURLToPath(new URL('.', import.meta.url));
const check = process.argv.includes('--check');
const paths = check ? stale(root) : update(root);
for (const path of paths)
  console.log(
    check ? `stale: schemas/${path} (run npx tsx schemas/main.ts)` : `wrote schemas/${path}`,
  );
if (check && paths.length > 0) process.exitCode = 1;
