import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const file = createRequire(import.meta.url).resolve('#package.json');

/** Folder of the installed package. */
export const packageRoot = dirname(file);

/** Version of the installed package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Folder of the written spec. */
export const specFolder = join(packageRoot, 'spec');
