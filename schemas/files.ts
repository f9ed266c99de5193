import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emitJson } from './emit.js';

/** The content that every file of `schemas/json` has to have, by file name. */
export function emitted(): Map<string, string> {
  return new Map(
    [...emitJson()].map(([name, content]) => [name, `${JSON.stringify(content, null, 2)}\n`]),
  );
}

/** Names the files of a folder that are missing, differ or do not belong there. */
export function stale(folder: string): string[] {
  const wanted = emitted();
  const present = existsSync(folder) ? readdirSync(folder) : [];
  const differs = [...wanted.keys()].filter(
    (name) =>
      !present.includes(name) || readFileSync(join(folder, name), 'utf8') !== wanted.get(name),
  );
  return [...differs, ...present.filter((name) => !wanted.has(name))].sort();
}

/** Brings a folder up to date; returns the names of the files that it changed. */
export function update(folder: string): string[] {
  const wanted = emitted();
  const names = stale(folder);
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const content = wanted.get(name);
    if (content === undefined) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), content);
  }
  return names;
}
