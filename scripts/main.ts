import { fileURLToPath } from 'node:url';
import { update } from './generate.js';
import { SpecError } from './requirements.js';

// npm run generate [-- --check]: brings generated files up to date, or names the stale ones.
const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
try {
  const stale = update(root, check);
  for (const path of stale)
    console.log(check ? `stale: ${path} (run npm run generate)` : `wrote ${path}`);
  if (check && stale.length > 0) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof SpecError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
