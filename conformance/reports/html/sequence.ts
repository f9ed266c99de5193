import type { TimelineEntry } from '#conformance/harness/events.js';
import { brief, excerpt, peers, type Told } from '../frames.js';
import { clip, count, shorten } from '../text.js';
import { type Html, html } from './template.js';

const SERVER = 56;
const ROW = 32;
const HEAD = 44;
const WIDTH = 860;
const NARROWEST = 208;
const WIDEST = 395;
const ALONE = 220;
const CHARACTER = 7.3;
const MOST = 120;
const LONGEST = 2_000;

interface Layout {
  names: readonly string[];
  /** Pixels from one client's lane to the next. */
  lane: number;
  width: number;
  height: number;
}

/** A timeline as a drawn sequence: time runs down, the server on the left, a lane per client. */
export function sequence(failure: Told, title: string): Html {
  const rows = excerpt(failure, MOST);
  const shown = rows.filter((each) => typeof each !== 'number');
  const layout = layOut(peers(shown), rows.length);
  const { names, width, height } = layout;
  return html`<div class="sequence" role="region" aria-label="Timeline of ${title}" tabindex="0">
<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Sequence of ${shown.length} frames between the server and ${names.join(', ')}; the same as a table below.">
${serverLane(height)}${names.map((name, index) => clientLane(name, index, layout))}
${rows.map((each, index) => (typeof each === 'number' ? gap(each, rowY(index)) : row(each, rowY(index), layout)))}
</svg></div>`;
}

/** The same timeline in full, as a table that a screen reader can read. */
export function frameTable(timeline: readonly TimelineEntry[], title: string): Html {
  return html`<details class="frames"><summary>All ${timeline.length} frames as text</summary>
<div class="scroll" role="region" aria-label="Frames of ${title}" tabindex="0"><table>
<thead><tr>${['ms', 'client', 'direction', 'kind', 'frame'].map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
<tbody>${timeline.map(tableRow)}</tbody></table></div></details>`;
}

function tableRow({ at_ms, peer, direction, kind, text }: TimelineEntry): Html {
  return html`<tr><td>${at_ms.toFixed(1)}</td><td>${peer}</td><td>${direction}</td><td>${kind}</td><td><code>${shorten(text, LONGEST)}</code></td></tr>
`;
}

function layOut(names: readonly string[], rows: number): Layout {
  const lanes = Math.max(1, names.length);
  // One client fits a phone without scrolling; more share a desktop's width.
  const shared = Math.max(NARROWEST, Math.min(WIDEST, Math.floor((WIDTH - SERVER) / lanes)));
  const lane = lanes === 1 ? ALONE : shared;
  return { names, lane, width: SERVER + lane * lanes + 14, height: HEAD + ROW * rows + 18 };
}

function rowY(index: number): number {
  return HEAD + ROW * (index + 1) - 8;
}

function serverLane(height: number): Html {
  return html`<line class="lane server" x1="${SERVER}" y1="${HEAD - 10}" x2="${SERVER}" y2="${height - 6}"/><text class="name" x="${SERVER - 6}" y="${HEAD - 20}">server</text>`;
}

function clientLane(name: string, index: number, { lane, height }: Layout): Html {
  const x = SERVER + lane * (index + 1);
  return html`<line class="lane" x1="${x}" y1="${HEAD - 10}" x2="${x}" y2="${height - 6}"/><text class="name" x="${x + 6}" y="${HEAD - 20}" text-anchor="end">${clip(name, fits(lane))}</text>`;
}

function gap(leftOut: number, y: number): Html {
  return html`<text class="gap" x="${SERVER + 12}" y="${y}">… ${count(leftOut, 'frame')} left out</text>
`;
}

function row(entry: TimelineEntry, y: number, layout: Layout): Html {
  const { names, lane, width } = layout;
  const place = names.indexOf(entry.peer);
  const time = html`<text class="time" x="${SERVER - 18}" y="${y + 4}" text-anchor="end">${entry.at_ms.toFixed(1)}</text>`;
  if (entry.direction === 'note' || place < 0) {
    const band = width - SERVER - 26;
    return html`<g class="note">${time}<rect x="${SERVER + 12}" y="${y - 12}" width="${band}" height="23" rx="4"/><text x="${SERVER + 20}" y="${y + 4}">${clip(brief(entry), fits(band))}</text></g>
`;
  }
  const client = SERVER + lane * (place + 1);
  const [from, to] = entry.direction === 'sent' ? [client, SERVER] : [SERVER, client];
  const tip = from < to ? -7 : 7;
  const look = refused(entry) ? 'close' : entry.kind;
  return html`<g class="frame ${entry.direction} ${look}"><title>${entry.at_ms.toFixed(1)} ms, ${entry.peer} ${entry.direction} ${entry.kind}: ${shorten(entry.text, 600)}</title>${time}<line x1="${from}" y1="${y}" x2="${to + tip}" y2="${y}"/><path d="M${to} ${y}l${tip} -4v8z"/><text x="${client - 8}" y="${y - 5}" text-anchor="end">${clip(brief(entry), fits(lane))}</text></g>
`;
}

function refused({ kind, direction, text }: TimelineEntry): boolean {
  return kind === 'handshake' && direction === 'received' && !/^HTTP(\/1\.[01])? 101\b/.test(text);
}

function fits(pixels: number): number {
  return Math.floor((pixels - 16) / CHARACTER);
}
