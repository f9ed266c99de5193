import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cell, fenced, jsonNames, type Page, plain, table } from './pages.js';

interface Registered {
  schema: string;
  type: string;
  direction: 'client' | 'server' | 'ack' | 'http';
  frame?: string;
  profiles: string[];
  chapter: string;
  reply?: string;
}

const directions = {
  client: 'client to server',
  server: 'server to client',
  ack: 'reply to a request',
  http: 'HTTP body',
} as const;

/** The message reference: every schema with its vectors as examples, a page for each type. */
export function messagePages(root: string): Page[] {
  const registry = readJson<Registered[]>(root, 'schemas/json/messages.json');
  const types = [...new Set(registry.map(({ type }) => type))];
  const rows = registry.map(({ schema, type, direction, profiles, chapter, reply }) => [
    `[\`${type}\`](./messages/${pageOf(type)}.md#${anchor(schema)})`,
    directions[direction],
    profiles.map((each) => `\`${each}\``).join(', '),
    `[${chapter}](../spec/${chapter}.md)`,
    reply ? `\`${reply}\`` : '',
  ]);
  const index = [
    '# Messages',
    '',
    'Generated from `schemas/json/messages.json`. Each message has a JSON Schema 2020-12 with a stable `$id`, and vectors:',
    'messages to accept and messages to reject, for [any language](./vectors.md).',
    '',
    table(['type', 'direction', 'profile', 'chapter', 'reply'], rows),
    '',
  ].join('\n');
  const pages = types.map((type) => ({
    path: `reference/messages/${pageOf(type)}.md`,
    content: [
      `# \`${type}\``,
      '',
      ...registry.filter((each) => each.type === type).flatMap((each) => section(root, each)),
    ].join('\n'),
  }));
  return [{ path: 'reference/messages.md', content: index }, ...pages];
}

/** The types that have a page, for the menu. */
export function pageOf(type: string): string {
  return /^[a-z_]+$/.test(type) ? type : 'application';
}

function section(
  root: string,
  { schema, direction, profiles, chapter, reply }: Registered,
): string[] {
  const text = JSON.stringify(readJson(root, `schemas/json/${schema}.json`), null, 2);
  const { description } = JSON.parse(text) as { description?: string };
  const folder = join(root, `schemas/examples/${schema}`);
  // The whole message first, then what may be left out or looks strange.
  const accepted = names(join(folder, 'accept')).sort((a, b) => place(a) - place(b));
  const rejected = names(join(folder, 'reject'));
  return [
    `## ${plain(schema)} {#${anchor(schema)}}`,
    '',
    ...(description ? [plain(description), ''] : []),
    `<Badge type="info" text="${directions[direction]}" /> ${profiles.map((each) => `<Badge type="info" text="${each}" />`).join(' ')}`,
    '',
    `Chapter [${chapter}](../../spec/${chapter}.md).${reply ? ` Answered by \`${reply}\` or an \`error\`.` : ''}`,
    '',
    ...accepted.flatMap((name) => [
      `Accept: ${words(name)}`,
      '',
      fenced(read(root, `schemas/examples/${schema}/accept/${name}.json`), 'json'),
      '',
    ]),
    '<details><summary>JSON Schema</summary>',
    '',
    fenced(text, 'json'),
    '',
    '</details>',
    '',
    ...(rejected.length === 0
      ? []
      : [
          `<details><summary>${rejected.length} messages to reject</summary>`,
          '',
          table(
            ['fault', 'path', 'code'],
            rejected.map((name) => rejection(root, schema, name)),
          ),
          '',
          '</details>',
          '',
        ]),
  ];
}

function rejection(root: string, schema: string, name: string): string[] {
  const { fault, path, code } = readJson<{ fault: string; path: string; code?: string }>(
    root,
    `schemas/examples/${schema}/reject/${name}.json`,
  );
  return [cell(fault), path === '' ? 'the message' : `\`${path}\``, code ? `\`${code}\`` : ''];
}

function names(folder: string): string[] {
  return existsSync(folder) ? jsonNames(folder) : [];
}

function place(name: string): number {
  return ['full', 'minimal'].indexOf(name) + 1 || 3;
}

function words(name: string): string {
  return plain(name.replaceAll('-', ' '));
}

function anchor(schema: string): string {
  return schema.replaceAll('.', '-');
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function readJson<T>(root: string, path: string): T {
  return JSON.parse(read(root, path)) as T;
}
