import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A file, or a region of it, that a page quotes by `<<<`. */
export interface Quote {
  file: string;
  region: string | undefined;
}

/** The quotes of a page, with paths from the root. */
export function quotesOf(root: string, page: string): Quote[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^<<< (\S+?)(?:#([\w-]+))?(?: \[.*\])?$/gm)].map(
    ([, path = '', region]) => ({ file: relative(root, join(root, dirname(page), path)), region }),
  );
}

/** The quoted lines; null where there is no such file or region. */
export function quoted(root: string, { file, region }: Quote): string | null {
  const path = join(root, file);
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  if (region === undefined) return text;
  const found = new RegExp(
    `^ *(?://|#) #?region ${region}\\n([\\s\\S]*?)^ *(?://|#) #?endregion ${region}$`,
    'm',
  ).exec(text);
  return found?.[1] ?? null;
}
