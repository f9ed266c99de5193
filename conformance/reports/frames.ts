import type { TimelineEntry } from '#conformance/harness/events.js';
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

/** The `most` entries that matter: heartbeats go first, then the middle; `left_out` says how many went. */
export function excerpt(
  timeline: readonly TimelineEntry[],
  most: number,
): { head: TimelineEntry[]; left_out: number; tail: TimelineEntry[] } {
  const quiet = timeline.filter(({ kind }) => kind !== 'ping' && kind !== 'pong');
  const entries = timeline.length > most && quiet.length > 0 ? quiet : [...timeline];
  if (entries.length <= most) return { head: entries, left_out: 0, tail: [] };
  const first = Math.floor(most / 4);
  return {
    head: entries.slice(0, first),
    left_out: entries.length - most,
    tail: entries.slice(entries.length - (most - first)),
  };
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
