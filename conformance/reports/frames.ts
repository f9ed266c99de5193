import type { Failure, TimelineEntry } from '#conformance/harness/events.js';
import { clip, visible } from './text.js';

/** The clients of a timeline, in the order of their first appearance. */
export function peers(timeline: readonly TimelineEntry[]): string[] {
  return [...new Set(timeline.filter(({ kind }) => kind !== 'note').map(({ peer }) => peer))];
}

/** `→` for what a client sent, `←` for what it received, `·` for a remark. */
export function arrow({ direction }: TimelineEntry): string {
  return { sent: '→', received: '←', note: '·' }[direction];
}

/** A frame in a few words: `chat lounge "hello" seq 3`, `close 4001 token_missing`. */
export function brief(entry: TimelineEntry, width = 200): string {
  const text = visible(entry.text);
  if (entry.kind === 'note') return clip(text, width);
  if (entry.kind === 'handshake' || entry.kind === 'http')
    return clip(startLine(entry.text), width);
  if (entry.kind !== 'text')
    return clip(text.startsWith(entry.kind) ? text : `${entry.kind} ${text}`.trim(), width);
  // Of a long text only the beginning was kept, and then its size.
  const [, size] = /… \((\d+ \w+)\)$/.exec(entry.text) ?? [];
  const whole = size === undefined ? entry.text : `${size}: ${entry.text}`;
  return clip(visible(message(entry.text) ?? whole), width);
}

/** What a failure has that its timeline is shown by. */
export type Told = Pick<Failure, 'timeline' | 'expected' | 'actual'>;

/**
 * The `most` entries that matter, in their order, and between them how many are left out there: heartbeats go first,
 * then those of the middle on which the failure does not rest, and of which it does not speak.
 */
export function excerpt(failure: Told, most: number): (TimelineEntry | number)[] {
  const { timeline } = failure;
  const quiet = timeline.filter(({ kind }) => kind !== 'ping' && kind !== 'pong');
  const entries = timeline.length > most && quiet.length > 0 ? quiet : timeline;
  if (entries.length <= most) return [...entries];
  const first = Math.floor(most / 4);
  const spoken = spokenOf(entries, failure).slice(0, first);
  const decisive = entries.filter((entry) => entry.decisive).slice(0, most - first);
  const kept = new Set([...decisive, ...entries.slice(0, first), ...spoken].slice(0, most));
  for (const entry of entries.toReversed()) if (kept.size < most) kept.add(entry);
  const rows: (TimelineEntry | number)[] = [];
  for (const entry of entries) {
    const before = rows.at(-1);
    if (kept.has(entry)) rows.push(entry);
    else if (typeof before === 'number') rows[rows.length - 1] = before + 1;
    else rows.push(1);
  }
  return rows;
}

// The messages that the failure quotes; of one that several clients saw, that of a client which the failure names.
function spokenOf(entries: readonly TimelineEntry[], { expected, actual }: Told): TimelineEntry[] {
  const told = [...expected, actual].join(' ');
  const words = new Set(told.split(/\s+/));
  const quoted = entries.filter(({ kind, text }) => kind === 'text' && quotes(told, text));
  const named = quoted.filter(({ peer }) => words.has(peer));
  return named.length > 0 ? named : quoted;
}

// A failure writes a message as JSON without spaces, whatever came over the wire.
function quotes(told: string, text: string): boolean {
  const message = parse(text);
  return message !== undefined && told.includes(JSON.stringify(message));
}

// `GET /ws?x=1` of a request, `101 Switching Protocols` of a response.
function startLine(text: string): string {
  const [line = ''] = text.split(/\r?\n/, 1);
  // What was redacted need not be said in so many letters.
  const short = line.replaceAll('=[redacted]', '=…');
  return visible(short.replace(/ HTTP\/1\.[01]$/, '').replace(/^HTTP(\/1\.[01])? (?=\d)/, ''));
}

// The members that tell one message from another, in the order in which they are read.
function message(text: string): string | undefined {
  const parsed = parse(text);
  if (typeof parsed?.['type'] !== 'string') return undefined;
  const data = record(parsed['data']) ?? {};
  const words = [parsed['type'], parsed['room'], data['code'], data['to'], data['user']];
  if (data['since'] !== undefined) words.push(`since ${clip(JSON.stringify(data['since']), 60)}`);
  if (typeof data['text'] === 'string') words.push(said(data['text']));
  if (typeof data['reason'] === 'string') words.push(data['reason']);
  if (typeof data['active'] === 'boolean') words.push(data['active'] ? 'active' : 'inactive');
  if (parsed['from'] !== undefined) words.push(`from ${String(parsed['from'])}`);
  if (parsed['seq'] !== undefined) words.push(`seq ${String(parsed['seq'])}`);
  if (parsed['id'] !== undefined) words.push(`id ${String(parsed['id'])}`);
  if (parsed['ref'] !== undefined) words.push(`ref ${String(parsed['ref'])}`);
  return words
    .filter((word) => word !== undefined && word !== null)
    .map(String)
    .join(' ');
}

// Where a text is cut, its size may be what matters.
function said(text: string): string {
  const shown = clip(text, 40);
  const size = shown === text ? '' : ` of ${Buffer.byteLength(text)} bytes`;
  return `${JSON.stringify(shown)}${size}`;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    // Broken JSON is what many a check sends; it is shown as it is.
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
