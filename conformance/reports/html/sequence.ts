import type { TimelineEntry } from '#conformance/harness/events.js';
import { brief, excerpt, peers } from '../frames.js';
import { clip, shorten } from '../text.js';
import { type Html, html } from './template.js';

const TIME = 58;
const LANE = 196;
const ROW = 32;
const HEAD = 44;
const LABEL = 26;
const MOST = 120;
const LONGEST = 2_000;

/** A timeline as a drawn sequence: time runs down, the server on the left, a lane per client. */
export function sequence(timeline: readonly TimelineEntry[], title: string): Html {
  const { head, left_out, tail } = excerpt(timeline, MOST);
  const shown = [...head, ...tail];
  const names = peers(shown);
  const gap = left_out > 0 ? 1 : 0;
  const width = TIME + 30 + LANE * Math.max(1, names.length) + 24;
  const height = HEAD + ROW * (shown.length + gap) + 18;
  const y = (index: number) => HEAD + ROW * (index + 1) - 8;
  return html`<div class="sequence" role="region" aria-label="Timeline of ${title}" tabindex="0">
<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Sequence of ${shown.length} frames between the server and ${names.join(', ')}; the same as a table below.">
${lane(TIME + 12, 'server', height, 'server', 'start')}
${names.map((name, index) => lane(laneX(index), name, height, 'client', 'end'))}
${head.map((entry, index) => row(entry, names, y(index), width))}
${left_out > 0 && html`<text class="gap" x="${TIME + 24}" y="${y(head.length)}">… ${left_out} entries left out</text>`}
${tail.map((entry, index) => row(entry, names, y(head.length + gap + index), width))}
</svg></div>`;
}

/** The same timeline in full, as a table that a screen reader can read. */
export function frameTable(timeline: readonly TimelineEntry[]): Html {
  return html`<details class="frames"><summary>All ${timeline.length} frames as text</summary>
<div class="scroll" role="region" aria-label="Frames" tabindex="0"><table>
<thead><tr><th scope="col">ms</th><th scope="col">client</th><th scope="col">direction</th><th scope="col">kind</th><th scope="col">frame</th></tr></thead>
<tbody>${timeline.map(
    (
      entry,
    ) => html`<tr><td>${entry.at_ms.toFixed(1)}</td><td>${entry.peer}</td><td>${entry.direction}</td><td>${entry.kind}</td><td><code>${shorten(entry.text, LONGEST)}</code></td></tr>
`,
  )}</tbody></table></div></details>`;
}

function laneX(index: number): number {
  return TIME + 12 + LANE * (index + 1);
}

function lane(x: number, name: string, height: number, kind: string, anchor: string): Html {
  return html`<line class="lane ${kind}" x1="${x}" y1="${HEAD - 10}" x2="${x}" y2="${height - 6}"/><text class="name ${kind}" x="${anchor === 'end' ? x + 6 : x - 6}" y="${HEAD - 20}" text-anchor="${anchor}">${clip(name, LABEL)}</text>
`;
}

function row(entry: TimelineEntry, names: readonly string[], y: number, width: number): Html {
  const place = names.indexOf(entry.peer);
  const time = html`<text class="time" x="${TIME - 8}" y="${y + 4}" text-anchor="end">${entry.at_ms.toFixed(1)}</text>`;
  if (entry.direction === 'note' || place < 0) {
    return html`<g class="note">${time}<rect x="${TIME + 24}" y="${y - 12}" width="${width - TIME - 36}" height="22" rx="4"/><text x="${TIME + 32}" y="${y + 3}">${clip(brief(entry), Math.floor((width - TIME - 56) / 6.4))}</text></g>
`;
  }
  const [server, client] = [TIME + 12, laneX(place)];
  const [from, to] = entry.direction === 'sent' ? [client, server] : [server, client];
  const tip = from < to ? -7 : 7;
  return html`<g class="frame ${entry.direction} ${entry.kind}"><title>${entry.at_ms.toFixed(1)} ms, ${entry.peer} ${entry.direction} ${entry.kind}: ${shorten(entry.text, 600)}</title>${time}<line x1="${from}" y1="${y}" x2="${to + tip}" y2="${y}"/><path d="M${to} ${y}l${tip} -4v8z"/><text x="${client - 8}" y="${y - 5}" text-anchor="end">${clip(brief(entry), LABEL)}</text></g>
`;
}
