import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fenced, jsonNames, type Page, plain } from './pages.js';

interface Message {
  type: string;
  id?: string;
  ref?: string;
  room?: string;
  seq?: number;
  data?: Record<string, unknown>;
}

interface Line {
  connection: string;
  opens?: { user: string; query?: string };
  sends?: Message;
  sends_text?: string;
  receives?: Message;
  closes?: { code?: number; reason?: string };
  closed?: { code?: number; reason?: string };
}

/** The example conversations as sequence diagrams, each with its transcript. */
export function conversationPage(root: string): Page {
  const folder = join(root, 'schemas/examples/conversations/accept');
  const sections = jsonNames(folder).flatMap((name) => {
    const { title, features, lines } = JSON.parse(
      readFileSync(join(folder, `${name}.json`), 'utf8'),
    ) as { title: string; features: string[]; lines: Line[] };
    const needs = features.map((each) => `\`${each}\``).join(', ');
    return [
      `## ${plain(name.replaceAll('-', ' '))}`,
      '',
      `${plain(title)}${needs ? ` Needs ${needs}.` : ''}`,
      '',
      fenced(sequence(lines), 'mermaid'),
      '',
      '<details><summary>Transcript</summary>',
      '',
      fenced(lines.map((line) => JSON.stringify(line)).join('\n'), 'json'),
      '',
      '</details>',
      '',
    ];
  });
  return {
    path: 'reference/conversations.md',
    content: [
      '# Conversations',
      '',
      'Drawn from the transcripts in `schemas/examples/conversations`. Each keeps every rule; the [vectors](./vectors.md) have',
      'as many that break exactly one.',
      '',
      ...sections,
    ].join('\n'),
  };
}

/** A transcript in mermaid's language for sequence diagrams. */
export function sequence(lines: readonly Line[]): string {
  const connections = [...new Set(lines.map(({ connection }) => connection))];
  return [
    'sequenceDiagram',
    ...connections.map((each) => `  participant ${name(each)}`),
    '  participant server',
    ...lines.map((line) => `  ${arrow(line)}`),
  ].join('\n');
}

function arrow({ connection, opens, sends, sends_text, receives, closes, closed }: Line): string {
  const client = name(connection);
  if (opens) return `${client}->>server: opens as ${safe(opens.user)}`;
  if (sends) return `${client}->>server: ${label(sends)}`;
  if (sends_text !== undefined) return `${client}->>server: text ${safe(sends_text)}`;
  if (receives) return `server-->>${client}: ${label(receives)}`;
  if (closes)
    return `${client}-x server: close ${safe(`${closes.code ?? ''} ${closes.reason ?? ''}`)}`;
  return `server-x ${client}: close ${safe(`${closed?.code ?? ''} ${closed?.reason ?? ''}`)}`;
}

function label({ type, id, ref, room, seq, data }: Message): string {
  const detail = data?.['code'] ?? data?.['text'] ?? data?.['reason'];
  return safe(
    [
      type,
      ...(room === undefined ? [] : [room]),
      ...(typeof detail === 'string' ? [`«${detail}»`] : []),
      ...(seq === undefined ? [] : [`seq ${seq}`]),
      ...(ref === undefined ? (id === undefined ? [] : [`id ${id}`]) : [`ref ${ref}`]),
    ].join(' '),
  );
}

function name(connection: string): string {
  return connection.replace(/[^A-Za-z0-9_]/g, '_');
}

// Mermaid reads ; and # as its own; what is left out is drawn as a dot.
function safe(text: string): string {
  const short = text.trim().length > 48 ? `${text.trim().slice(0, 47)}…` : text.trim();
  return short.replace(/[;#<>{}%:]/g, '·') || 'nothing';
}
