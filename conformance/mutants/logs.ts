import type { Parts } from '#server/parts.js';
import type { Connection, Core, Incoming } from '#server/state.js';
import { ways } from './logs.ways.js';
import { type Mutant, mutant } from './mutant.js';

type Logs = Parts['logs'];
type Event = Record<string, unknown>;

const wrong =
  (change: (right: Logs) => Partial<Logs>): Mutant['parts'] =>
  ({ logs }) => ({ logs: change(logs) });

/** Every line as it is written, made from its event; an empty text is no line. */
const written = (write: (event: Event, line: string) => string) =>
  wrong(({ written: right }) => ({
    written: (line) => write(JSON.parse(line) as Event, right(line)),
  }));

const json = (event: object) => `${JSON.stringify(event)}\n`;

/** Events of one name, changed; null: not written. */
const changed = (name: string, change: (event: Event) => Event | null) =>
  written((event, line) => {
    if (event['event'] !== name) return line;
    const other = change(event);
    return other ? json(other) : '';
  });

const without =
  (member: string) =>
  ({ [member]: _, ...event }: Event): Event =>
    event;

/** Members besides, in the line of each message. */
const ofMessage = (tell: (incoming: Incoming, core: Core) => object) =>
  wrong(({ message }) => ({
    message: (core, connection, incoming) => ({
      ...message(core, connection, incoming),
      ...tell(incoming, core),
    }),
  }));

/** A line besides, of whatever opened a connection. */
const ofOpening =
  (
    tell: (
      opening: Parameters<Parts['handshake']['found']>[1],
      found: ReturnType<Parts['handshake']['found']>,
    ) => object | null,
  ): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      found(core, opening) {
        const found = handshake.found(core, opening);
        const line = tell(opening, found);
        if (line) core.log?.({ event: 'http_request', ...line });
        return found;
      },
    },
  });

const textOf = ({ request }: Incoming) => {
  const { text } = request.data;
  return typeof text === 'string' ? text : '';
};

const CLOSED = 'websocket_disconnect';

const lines: readonly Mutant[] = [
  mutant(
    'logs-line-is-json-object',
    'level-before-json',
    'The level stands before the JSON of each line.',
    written((_, line) => `INFO ${line}`),
  ),
  mutant(
    'logs-line-is-json-object',
    'json-over-many-lines',
    'Lines are written with indentation.',
    written((event) => `${JSON.stringify(event, null, 2)}\n`),
  ),
  mutant(
    'logs-line-is-json-object',
    'stack-trace-of-bad-json',
    'What a parser throws is written as it is, over many lines.',
    written((event, line) =>
      event['code'] === 'invalid_json'
        ? `${line}SyntaxError: Unexpected end of input\n    at JSON.parse (<anonymous>)\n`
        : line,
    ),
  ),
  mutant(
    'logs-line-is-json-object',
    'access-log-of-connections',
    'The HTTP server writes an access log of its own.',
    written((event, line) =>
      event['event'] === 'websocket_connect'
        ? `INFO:     127.0.0.1:50000 - "WebSocket /ws" [accepted]\n${line}`
        : line,
    ),
  ),
  mutant(
    'logs-line-is-json-object',
    'lines-are-arrays',
    'A line is an array of its event and its members.',
    written(({ event, ...rest }) => json([event, rest])),
  ),
  mutant(
    'logs-line-is-json-object',
    'empty-lines-between',
    'An empty line stands between two lines.',
    written((_, line) => `${line}\n`),
  ),
  mutant(
    'logs-timestamp-format',
    'timestamps-as-numbers',
    'Times are milliseconds since 1970.',
    written((event) => json({ ...event, timestamp: Date.parse(String(event['timestamp'])) })),
  ),
  mutant(
    'logs-timestamp-format',
    'timestamps-with-offset',
    'Times end in +00:00.',
    written((event) =>
      json({ ...event, timestamp: String(event['timestamp']).replace('Z', '+00:00') }),
    ),
  ),
  mutant(
    'logs-timestamp-format',
    'timestamps-of-errors-only-seconds',
    'Errors are logged by the second.',
    changed('websocket_error', (event) => ({
      ...event,
      timestamp: String(event['timestamp']).replace(/\.\d+/, ''),
    })),
  ),
];

const events: readonly Mutant[] = [
  mutant(
    'logs-connect-recorded',
    'connect-not-logged',
    'A welcomed connection leaves no line.',
    changed('websocket_connect', () => null),
  ),
  mutant(
    'logs-connect-recorded',
    'connect-logged-twice',
    'Two handlers log each connection.',
    written((event, line) => (event['event'] === 'websocket_connect' ? line + line : line)),
  ),
  mutant(
    'logs-connect-recorded',
    'connect-without-user',
    'The line of a connection does not say whose it is.',
    changed('websocket_connect', without('user')),
  ),
  mutant(
    'logs-connect-recorded',
    'connect-with-own-id',
    'The connection has one id in its welcome and another in the log.',
    changed('websocket_connect', (event) => ({
      ...event,
      connection_id: `socket-${String(event['connection_id'])}`,
    })),
  ),
  mutant(
    'logs-connect-recorded',
    'refused-logged-as-connected',
    'The line of a connection is written before its token is looked at.',
    ({ handshake, logs }) => ({
      handshake: {
        dismiss(core, connection, closing) {
          core.log?.({ ...logs.connect(core, connection), user: '' });
          return handshake.dismiss(core, connection, closing);
        },
      },
    }),
  ),
  mutant(
    'logs-message-recorded',
    'message-not-logged',
    'Messages leave no line.',
    changed('message_received', () => null),
  ),
  mutant(
    'logs-message-recorded',
    'refused-messages-not-logged',
    'Messages that are no JSON, or of an unknown type, leave no line.',
    changed('message_received', (event) => ('type' in event ? event : null)),
  ),
  mutant(
    'logs-message-recorded',
    'binary-messages-not-logged',
    'Binary messages leave no line.',
    ({ logs }) => ({
      logs: {
        message: (core, connection, incoming) => ({
          ...logs.message(core, connection, incoming),
          ...(incoming.binary ? { binary: true } : {}),
        }),
        written: (line) => ('binary' in (JSON.parse(line) as Event) ? '' : logs.written(line)),
      },
    }),
  ),
  mutant(
    'logs-message-recorded',
    'messages-logged-twice',
    'Each message is logged when it comes and when it is done.',
    written((event, line) => (event['event'] === 'message_received' ? line + line : line)),
  ),
  mutant(
    'logs-message-recorded',
    'messages-without-user',
    'The line of a message does not say whose it is.',
    changed('message_received', without('user')),
  ),
  mutant(
    'logs-message-recorded',
    'pings-logged-as-messages',
    'WebSocket Pings are logged as messages.',
    ({ heartbeat, logs }) => {
      let last: [Core, Connection] | undefined;
      return {
        logs: {
          connect(core, connection) {
            last = [core, connection];
            return logs.connect(core, connection);
          },
        },
        heartbeat: {
          pong(payload) {
            const [core, connection] = last ?? [];
            if (core && connection)
              core.log?.({
                ...logs.connect(core, connection),
                event: 'message_received',
                message_length: payload.length,
              });
            return heartbeat.pong(payload);
          },
        },
      };
    },
  ),
  ...(
    [
      ['length-in-utf16', 'in UTF-16 units', (text: string) => text.length],
      ['length-in-code-points', 'in code points', (text: string) => [...text].length],
      ['length-of-characters-escaped', 'as JSON', (text: string) => JSON.stringify(text).length],
    ] as const
  ).map(([name, unit, measure]) =>
    mutant(
      'logs-message-length-in-bytes',
      name,
      `The length of a message is measured ${unit}.`,
      ofMessage(({ bytes }) => ({ message_length: measure(bytes.toString()) })),
    ),
  ),
  mutant(
    'logs-message-length-in-bytes',
    'length-of-text',
    'The length is that of the text, not of the message.',
    ofMessage((incoming) => ({ message_length: Buffer.byteLength(textOf(incoming)) })),
  ),
  mutant(
    'logs-message-length-in-bytes',
    'length-of-payload',
    'The length of a binary message is that of its payload.',
    ofMessage(({ request, bytes }) => ({
      message_length: request.payload?.length ?? bytes.length,
    })),
  ),
  mutant(
    'logs-message-length-in-bytes',
    'length-of-frame',
    "The length holds the frame's header.",
    ofMessage(({ bytes }) => ({ message_length: bytes.length + (bytes.length < 126 ? 6 : 8) })),
  ),
  mutant(
    'logs-error-recorded',
    'errors-not-logged',
    'Errors leave no line.',
    changed('websocket_error', () => null),
  ),
  mutant(
    'logs-error-recorded',
    'errors-of-json-not-logged',
    'What is refused before it is JSON leaves no line.',
    changed('websocket_error', (event) => (event['code'] === 'invalid_json' ? null : event)),
  ),
  mutant(
    'logs-error-recorded',
    'errors-logged-twice',
    'Errors are logged where they are made and where they are sent.',
    written((event, line) => (event['event'] === 'websocket_error' ? line + line : line)),
  ),
  mutant(
    'logs-error-recorded',
    'error-code-is-number',
    'The code of an error is a number.',
    changed('websocket_error', (event) => ({ ...event, code: 400 })),
  ),
  mutant(
    'logs-error-recorded',
    'error-without-connection',
    'The line of an error does not say on which connection it was sent.',
    changed('websocket_error', without('connection_id')),
  ),
  mutant(
    'logs-disconnect-recorded',
    'disconnect-not-logged',
    'The end of a connection leaves no line.',
    changed(CLOSED, () => null),
  ),
  mutant(
    'logs-disconnect-recorded',
    'disconnect-logged-twice',
    'A handler for errors and one for closes both write the line.',
    written((event, line) => (event['code'] === 1006 ? line + line : line)),
  ),
  ...(
    [
      ['violation-logged-twice', 1002, 'broke RFC 6455'],
      ['too-big-logged-twice', 1009, 'sent too long a message'],
      ['protocol-errors-logged-twice', 4000, 'made too many protocol errors'],
      ['expiry-logged-twice', 4001, 'had a token that ended'],
      ['rate-close-logged-twice', 4101, 'was closed for its rate'],
      ['silence-logged-twice', 4201, 'fell silent'],
    ] as const
  ).map(([name, code, which]) =>
    mutant(
      'logs-disconnect-recorded',
      name,
      `A connection that ${which} leaves a line where that is decided and one at its end.`,
      written((event, line) => (event['code'] === code && 'user' in event ? line + line : line)),
    ),
  ),
  mutant(
    'logs-disconnect-recorded',
    'lost-connections-not-logged',
    'A connection that is lost leaves no line.',
    changed(CLOSED, (event) => (event['code'] === 1006 ? null : event)),
  ),
  mutant(
    'logs-disconnect-recorded',
    'ended-by-server-not-logged',
    'The line is written where the client closes only.',
    changed(CLOSED, (event) => (event['code'] === 4000 ? null : event)),
  ),
  mutant(
    'logs-disconnect-recorded',
    'every-end-is-1000',
    'Every connection ends with 1000.',
    changed(CLOSED, (event) => ({ ...event, code: 1000 })),
  ),
  mutant(
    'logs-disconnect-recorded',
    'no-code-is-1000',
    'A Close frame without a code is logged as 1000.',
    changed(CLOSED, (event) => (event['code'] === 1005 ? { ...event, code: 1000 } : event)),
  ),
  mutant(
    'logs-disconnect-recorded',
    'too-big-is-1006',
    'What the library closes is logged as lost.',
    changed(CLOSED, (event) => (event['code'] === 1009 ? { ...event, code: 1006 } : event)),
  ),
  mutant(
    'logs-disconnect-recorded',
    'disconnect-without-reason',
    'The line of an end has no reason.',
    changed(CLOSED, without('reason')),
  ),
  mutant(
    'logs-disconnect-recorded',
    'disconnect-without-user',
    'The line of an end does not say whose connection it was.',
    changed(CLOSED, without('user')),
  ),
  mutant(
    'logs-disconnect-recorded',
    'log-cut-at-shutdown',
    'What was not yet written when the process ends is lost.',
    ({ logs, shutdown }) => {
      let draining = false;
      return {
        shutdown: {
          onSignal(signal, again) {
            draining = true;
            return shutdown.onSignal(signal, again);
          },
        },
        logs: { written: (line) => (draining ? '' : logs.written(line)) },
      };
    },
  ),
  mutant(
    'logs-refusal-recorded',
    'refusals-not-logged',
    'Only welcomed connections leave a line at their end.',
    changed(CLOSED, (event) => ('user' in event ? event : null)),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusals-without-reason',
    'A refusal is logged without its reason.',
    changed(CLOSED, (event) => ('user' in event ? event : { ...event, reason: '' })),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusals-as-1006',
    'A refusal is logged as a connection that was lost.',
    changed(CLOSED, (event) => ('user' in event ? event : { ...event, code: 1006 })),
  ),
  mutant(
    'logs-refusal-recorded',
    'refusals-without-id',
    'A connection that was not welcomed has no id in the log.',
    changed(CLOSED, (event) => ('user' in event ? event : without('connection_id')(event))),
  ),
  mutant(
    'logs-refusal-recorded',
    'unverified-user-logged',
    'A refusal is logged with the user that its token names.',
    changed(CLOSED, (event) => ({ user: 'eve', ...event })),
  ),
];

const secrets: readonly Mutant[] = [
  mutant(
    'logs-text-never-written',
    'texts-logged',
    'The line of a message holds its text.',
    ofMessage((incoming) => ({ text: textOf(incoming) })),
  ),
  mutant(
    'logs-text-never-written',
    'beginnings-logged',
    'The line of a message holds the first ten characters of its text.',
    ofMessage((incoming) => ({ preview: textOf(incoming).slice(0, 10) })),
  ),
  mutant(
    'logs-text-never-written',
    'refused-messages-logged',
    'A message that is not understood is logged as it came.',
    ofMessage(({ request, bytes }) => (request.type === '' ? { raw: bytes.toString() } : {})),
  ),
  mutant(
    'logs-text-never-written',
    'parser-quotes-logged',
    'What the parser says is logged; it quotes what it could not read.',
    ofMessage(({ bytes, binary }) => {
      if (binary) return {};
      try {
        JSON.parse(bytes.toString());
        return {};
      } catch (error) {
        return { reason: String(error) };
      }
    }),
  ),
  mutant(
    'logs-text-never-written',
    'meta-logged',
    'The line of a message holds its meta.',
    ofMessage(({ request }) => ({ meta: request.data['meta'] })),
  ),
  mutant(
    'logs-text-never-written',
    'directs-logged',
    'Personal messages are logged.',
    ofMessage((incoming) => (incoming.request.type === 'direct' ? { text: textOf(incoming) } : {})),
  ),
  mutant(
    'logs-text-never-written',
    'payloads-logged',
    'The first bytes of a payload are logged in hexadecimal.',
    ofMessage(({ request }) => ({ payload: request.payload?.toString('hex', 0, 16) })),
  ),
  mutant(
    'logs-text-never-written',
    'payloads-logged-in-base64',
    'A binary message is logged in base64.',
    ofMessage(({ bytes, binary }) => (binary ? { raw: bytes.toString('base64') } : {})),
  ),
  mutant(
    'logs-credentials-never-written',
    'urls-logged',
    'Each request is logged with its query.',
    ofOpening(({ path, query }) => ({ url: `${path}?${query}` })),
  ),
  mutant(
    'logs-credentials-never-written',
    'headers-logged',
    'Each request is logged with its headers.',
    ofOpening(({ authorization }) => ({ authorization })),
  ),
  mutant(
    'logs-credentials-never-written',
    'cookies-logged',
    'Each request is logged with its cookies.',
    ofOpening(({ cookies }) => ({ cookies })),
  ),
  mutant(
    'logs-credentials-never-written',
    'token-signatures-logged',
    'The end of each token is logged, to recognise it.',
    ofOpening((_, { tokens }) => ({ token: tokens.map((token) => `…${token.slice(-10)}`) })),
  ),
  mutant(
    'logs-credentials-never-written',
    'refused-tokens-logged',
    'A token that is refused is logged.',
    ofOpening((_, { tokens }) => {
      const bad = tokens.filter((token) => token.split('.').length !== 3);
      return bad.length > 0 ? { bad } : null;
    }),
  ),
  mutant(
    'logs-credentials-never-written',
    'auth-messages-logged',
    'The token of a message of type auth is logged.',
    ofMessage(({ request }) => ({ token: request.data['token'] })),
  ),
  mutant(
    'logs-line-not-forgeable',
    'reasons-written-raw',
    'The reason of a close is written between quotes, as it came.',
    written((event, line) =>
      event['event'] === CLOSED
        ? `{"event":"${CLOSED}","timestamp":"${event['timestamp']}","connection_id":"${event['connection_id']}","code":${event['code']},"reason":"${event['reason']}"}\n`
        : line,
    ),
  ),
  mutant(
    'logs-line-not-forgeable',
    'line-separators-left',
    'U+2028 is written as it is.',
    wrong(() => ({ written: (line) => line.replaceAll('\u009b', '') })),
  ),
  mutant(
    'logs-line-not-forgeable',
    'terminal-sequences-left',
    'U+009B is written as it is.',
    wrong(() => ({
      written: (line) => line.replace(/[\u0085\u2028\u2029]/g, ' '),
    })),
  ),
  mutant(
    'logs-line-not-forgeable',
    'rooms-written-raw',
    'The room of a message that is refused is written as it came.',
    (parts) => ({
      logs: {
        message: (core, connection, incoming) => ({
          ...parts.logs.message(core, connection, incoming),
          room: (incoming.value as Event | undefined)?.['room'],
        }),
        written(line) {
          const { room, ...event } = JSON.parse(line) as Event;
          const right = parts.logs.written(json(event));
          return typeof room === 'string' ? right.replace('{', `{"room":"${room}",`) : right;
        },
      },
    }),
  ),
];

/** Faults of the chapter `logs`. */
export const logs: readonly Mutant[] = [...lines, ...events, ...secrets, ...ways];
