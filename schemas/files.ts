import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncapi } from './asyncapi.js';
import { faultyConversations, print } from './conversations.js';
import { emitJson } from './emit.js';
import { type Bundle, vectors } from './vectors.js';
import { yaml } from './yaml.js';

/** The content that every generated file has to have, by its path below `schemas`. */
function generated(root: string): Map<string, string> {
  const examples = join(root, 'examples');
  const json = emitJson();
  const files = new Map([...json].map(([name, content]) => [`json/${name}`, text(content)]));
  files.set('json/asyncapi.yaml', yaml(asyncapi(examples)));
  const bundle = json.get('bundle.json') as Bundle;
  for (const [schema, { reject }] of vectors(bundle, examples))
    for (const [name, vector] of reject)
      files.set(`examples/${schema}/reject/${name}`, text(vector));
  for (const [name, conversation] of faultyConversations(examples))
    files.set(`examples/conversations/reject/${name}`, print(conversation));
  return files;
}

const text = (content: unknown) => `${JSON.stringify(content, null, 2)}\n`;

/** Names the generated files that are missing, differ or do not belong there. */
export function stale(root: string, wanted = generated(root)): string[] {
  const differs = [...wanted].filter(([path, content]) => {
    const file = join(root, path);
    return !existsSync(file) || readFileSync(file, 'utf8') !== content;
  });
  const orphans = present(root).filter((path) => !wanted.has(path));
  return [...differs.map(([path]) => path), ...orphans].sort();
}

function present(root: string): string[] {
  const list = (folder: string) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
      : [];
  const schemas = list('examples').filter((path) => !path.endsWith('.md'));
  return [...list('json'), ...schemas.flatMap((path) => list(`${path}/reject`))];
}

/** Brings the generated files up to date; returns the paths of those that it changed. */
export function update(root: string): string[] {
  const wanted = generated(root);
  const paths = stale(root, wanted);
  for (const path of paths) {
    const content = wanted.get(path);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (content === undefined) rmSync(join(root, path));
    else writeFileSync(join(root, path), content);
  }
  return paths;
}
