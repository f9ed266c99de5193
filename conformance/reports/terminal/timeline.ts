import type { TimelineEntry } from '#conformance/harness/events.js';
import { arrow, brief, excerpt, peers, type Told } from '../frames.js';
import { clip, count, pad, visible } from '../text.js';
import type { Style } from './style.js';

const MOST = 24;
const NARROWEST = 16;
const TIME = 8;

/** A timeline of frames with a column per client; with too many clients for that, a line per frame with its name. */
export function timeline(failure: Told, style: Style, indent: string): string[] {
  const rows = excerpt(failure, MOST);
  if (rows.length === 0) return [];
  const names = peers(rows.filter((each) => typeof each !== 'number'));
  const room = style.width - indent.length - TIME;
  const width = Math.floor(room / Math.max(1, names.length)) - 1;
  const inColumns = width >= NARROWEST;
  const row = (entry: TimelineEntry) =>
    inColumns ? columnRow(entry, names, width, room, style) : namedRow(entry, names, room, style);
  const title = inColumns ? names.map((name) => pad(visible(name), width)).join(' ') : '';
  const gap = (leftOut: number) => {
    const text = `… ${count(leftOut, 'frame')} left out; the JSON and HTML reports have all`;
    return style.colors.dim(' '.repeat(TIME) + clip(text, room));
  };
  return [
    ...(title === '' ? [] : [style.colors.bold(`${'ms'.padStart(TIME - 2)}  ${title}`.trimEnd())]),
    ...rows.map((each) => (typeof each === 'number' ? gap(each) : row(each))),
  ].map((line) => (indent + line).trimEnd());
}

function columnRow(
  entry: TimelineEntry,
  names: string[],
  width: number,
  room: number,
  style: Style,
): string {
  const place = names.indexOf(entry.peer);
  if (entry.kind === 'note' || place < 0)
    return time(entry) + style.colors.dim(clip(`· ${brief(entry)}`, room));
  const shift = ' '.repeat(place * (width + 1));
  return time(entry) + shift + paint(entry, clip(`${arrow(entry)} ${brief(entry)}`, width), style);
}

function namedRow(entry: TimelineEntry, names: string[], room: number, style: Style): string {
  const widest = Math.min(16, Math.max(...names.map((name) => visible(name).length)));
  const who = entry.kind === 'note' ? ' '.repeat(widest) : pad(visible(entry.peer), widest);
  return `${time(entry)}${who} ${paint(entry, clip(`${arrow(entry)} ${brief(entry)}`, room - widest - 1), style)}`;
}

function time({ at_ms }: TimelineEntry): string {
  return `${at_ms.toFixed(1).padStart(TIME - 2)}  `;
}

function paint({ direction, kind }: TimelineEntry, text: string, { colors }: Style): string {
  if (kind === 'close' || kind === 'tcp') return colors.yellow(text);
  return direction === 'sent' ? colors.cyan(text) : direction === 'note' ? colors.dim(text) : text;
}
