import type { TimelineEntry } from '#conformance/harness/events.js';
import type { Message } from '#conformance/harness/message.js';
import { Facts } from './judge/facts.js';
import type { Entry, Trace } from './trace.js';

const MAX_TEXT = 2_000;

/** A trace as reports show it: one line a frame, with the names that people read. A failure rests on the `decisive` ones. */
export function timeline(trace: Trace, decisive: readonly number[] = []): TimelineEntry[] {
  const facts = new Facts(trace);
  const label = (connection: number) => {
    const found = facts.connections[connection];
    return found ? facts.who(found) : `connection ${connection}`;
  };
  const rest = new Set(decisive);
  return trace.entries.map((entry, n) => ({
    ...line(entry, trace.namespace, label),
    ...(rest.has(n) && { decisive: true as const }),
  }));
}

function line(
  entry: Entry,
  namespace: string,
  label: (connection: number) => string,
): TimelineEntry {
  const at_ms = Math.round(entry.at * 10) / 10;
  if (entry.kind === 'settled')
    return {
      at_ms,
      peer: '',
      direction: 'note',
      kind: 'note',
      text: 'nothing more came, for as long as the runner is patient',
    };
  const peer = label(entry.connection);
  const common = { at_ms, peer };
  switch (entry.kind) {
    case 'open':
      return {
        ...common,
        direction: 'sent',
        kind: 'handshake',
        text: `connects${entry.broadcaster ? ', with the scope parlor:broadcast' : ''}`,
      };
    case 'send':
      return { ...common, direction: 'sent', ...written(entry.message, namespace) };
    case 'receive':
      return { ...common, direction: 'received', ...written(entry.message, namespace) };
    case 'malformed':
      return { ...common, direction: 'note', kind: 'note', text: entry.actual };
    case 'end':
      return {
        ...common,
        direction: 'sent',
        kind: entry.how === 'close' ? 'close' : 'tcp',
        text: entry.breach ? `sends ${entry.breach.label}` : endings[entry.how],
      };
    case 'closed':
      return {
        ...common,
        direction: 'received',
        kind: 'close',
        text: `${entry.code} ${entry.reason}`.trim(),
      };
  }
}

const endings = {
  close: '1000',
  kill: 'TCP reset',
  cut: 'half a message, then TCP reset',
  breach: '',
};

function written(
  { payload, ...message }: Message,
  namespace: string,
): Pick<TimelineEntry, 'kind' | 'text'> {
  const raw = message.type === '(text)' ? String(message.data.text) : JSON.stringify(message);
  const text = raw.replaceAll(`.${namespace}`, '').replaceAll(`${namespace}#`, '#');
  const bytes = payload ? ` + ${payload.length} bytes` : '';
  return {
    kind: payload ? 'binary' : 'text',
    text: `${text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text}${bytes}`,
  };
}
