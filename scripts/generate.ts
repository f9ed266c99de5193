import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchemaText } from '#conformance/config.schema.js';
import { contract } from '#conformance/harness/contract.js';
import { reportSchemaText } from '#conformance/reports/report.schema.js';
import { closeRanges, closes } from '#schemas/closes.js';
import { errors } from '#schemas/errors.js';
import { closesTable, configTable, contractTable, errorsTable, fillMarker } from './registries.js';
import { chapters, collect, readTombstones } from './requirements.js';

/** A generated file: its path below the root and the content that it has to have. */
export interface Generated {
  path: string;
  content: string;
}

/** All that is generated from the spec and the registries, as it should stand. */
export function generate(root: string): Generated[] {
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const present = chapters.filter((chapter) => existsSync(join(root, `spec/${chapter}.md`)));
  const sources = new Map(present.map((chapter) => [chapter, read(`spec/${chapter}.md`)]));
  const readme = existsSync(join(root, 'spec/README.md')) ? read('spec/README.md') : '';
  const requirements = collect(sources, readTombstones(readme));
  const files = [
    { path: 'spec/requirements.json', content: `${JSON.stringify(requirements, null, 2)}\n` },
    { path: 'conformance/config.schema.json', content: configSchemaText() },
    { path: 'conformance/reports/report.schema.json', content: reportSchemaText() },
  ];
  for (const [chapter, name, table] of [
    ['errors', 'errors', errorsTable(errors)],
    ['closes', 'closes', closesTable(closes, closeRanges)],
  ] as const) {
    const source = sources.get(chapter);
    if (source !== undefined) {
      files.push({
        path: `spec/${chapter}.md`,
        content: fillMarker(source, name, table, `spec/${chapter}.md`),
      });
    }
  }
  const guide = 'docs/test-your-server.md';
  if (existsSync(join(root, guide))) {
    const filled = fillMarker(read(guide), 'contract', contractTable(contract), guide);
    const content = fillMarker(
      filled,
      'config',
      configTable(JSON.parse(configSchemaText())),
      guide,
    );
    files.push({ path: guide, content });
  }
  return files;
}

/** Writes what is stale; with `check` only names it. Returns the stale paths. */
export function update(root: string, check: boolean): string[] {
  const stale = generate(root).filter(({ path, content }) => {
    const file = join(root, path);
    return !existsSync(file) || readFileSync(file, 'utf8') !== content;
  });
  if (!check) for (const { path, content } of stale) writeFileSync(join(root, path), content);
  return stale.map(({ path }) => path);
}
