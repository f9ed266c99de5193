#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/conformance/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('parlor: this checkout is not built yet: run `npm run build` in it.');
  process.exitCode = 64;
}
