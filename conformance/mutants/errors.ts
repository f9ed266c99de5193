import type { ErrorCode } from '#schemas/errors.js';
import { refuse } from '#server/errors.js';
import { after } from '#server/maybe.js';
import type { MessagesParts } from '#server/messages.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Incoming, Outgoing, Request } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { moved, tampered, ungated } from './tampering.js';

const messages =
  (change: (right: MessagesParts) => Partial<MessagesParts>): Mutant['parts'] =>
  (right) => ({ messages: change(right.messages) });

const errorsPart =
  (change: (right: Parts['errors']) => Partial<Parts['errors']>): Mutant['parts'] =>
  (right) => ({ errors: change(right.errors) });

/** The error that a request ends in, changed; null: nothing is sent. */
const told = (change: (error: Outgoing, request: Request) => Outgoing | null) =>
  errorsPart((right) => ({
    message(core, request, code, text, details, at) {
      const error = right.message(core, request, code, text, details, at);
      return error && change(error, request);
    },
  }));

const data = (change: (data: Outgoing['data'], request: Request) => object) =>
  told((error, request) => ({ ...error, data: change(error.data, request) as Outgoing['data'] }));

/** The text of an error, as a handler of last resort has it. */
const says = (text: (message: string) => string) =>
  data((right) => ({ ...right, message: text(String(right['message'])) }));

/** Another code than the right one, for some messages. */
const confuses = (right: ErrorCode, wrong: ErrorCode) =>
  data((each) =>
    each['code'] === right
      ? { ...each, code: wrong, ...(wrong === 'invalid_payload' ? { path: '/type' } : {}) }
      : each,
  );

/** What a loose language takes for nothing, beside null. */
const isFalsy = (value: unknown) => value === 0 || value === false || value === '';

/** A fault of the envelope that is overlooked. */
const overlooks = (fits: (value: Readonly<Record<string, unknown>>) => boolean) =>
  messages(({ envelope }) => ({
    envelope: (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      fits(value as Record<string, unknown>)
        ? null
        : envelope(value),
  }));

/** What a lenient reader makes of a text that is not JSON. */
const reads = (lenient: (text: string) => string) =>
  messages(({ parse }) => ({ parse: (text) => parse(lenient(text)) }));

/** A reader that makes something else of a text that is not JSON, and leaves alone what is. */
const forgives = (lenient: (text: string) => string) =>
  messages(({ parse }) => ({
    parse(text) {
      const strict = parse(text);
      return 'value' in strict ? strict : parse(lenient(text));
    },
  }));

// As escapes.
const UNPAIRED = /\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]../gi;

const NOT_WHITE = /[\f\v\u00a0\u0085\u2028]/g;

/** What a lenient reader of JSON forgives. */
const lenient: readonly [name: string, fault: string, change: (text: string) => string][] = [
  [
    'leading-zeros',
    'Numbers may begin with zeros.',
    (text) => text.replace(/:(-?)0+(?=\d)/g, ':$1'),
  ],
  [
    'unsigned-or-bare',
    'Numbers may begin with a plus or a point, as in JSON5.',
    (text) => text.replace(':+', ':').replace(':.', ':0.'),
  ],
  ['hexadecimal', 'Numbers may be hexadecimal.', (text) => text.replace(/0x([\da-f]+)/, '1')],
  ['commas-in-lists', 'A list may end with a comma.', (text) => text.replace(',]', ']')],
  ['comments', 'Comments are skipped.', (text) => text.replace(/\/\*.*\*\/|\/\/.*\n/, '')],
  [
    'raw-control-characters',
    'A string may hold a tab or a line end.',
    (text) => text.replace(/\p{Cc}/gu, ' '),
  ],
  [
    'any-escape',
    'A backslash before any character stands for the character.',
    (text) => text.replace(/\\(?![\\"/bfnrtu])/g, ''),
  ],
  [
    'any-white-space',
    'What a regular expression takes for white space may stand between.',
    (text) => text.replace(NOT_WHITE, ' '),
  ],
];

/** What a message that does not even parse does to the connection. */
const ends =
  (when: (incoming: Incoming) => boolean, code: number): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      json: (core, connection, incoming) =>
        when(incoming)
          ? [{ do: 'close', closing: { code, reason: '' } }]
          : gates.json(core, connection, incoming),
    },
  });

const spends = (limit: (announced: number) => number) =>
  errorsPart(({ spend }) => ({
    spend: (connection, limits, at) =>
      spend(connection, { ...limits, max_protocol_errors: limit(limits.max_protocol_errors) }, at),
  }));

const accepts = (member: string, value: unknown) =>
  messages(({ payload }) => ({
    payload: (request, core) => (request.data[member] === value ? null : payload(request, core)),
  }));

const BARE = { env: { PARLOR_FEATURES: 'operations' } } as const;

/** Faults of the chapter `errors`. */
export const errors: readonly Mutant[] = [
  mutant(
    'errors-invalid-json',
    'invalid-json-closes',
    'A message that does not parse ends the connection.',
    ends(
      ({ bytes }) =>
        bytes.toString().startsWith('{"type":"ping","id":"1"') && !bytes.toString().endsWith('}'),
      1011,
    ),
  ),
  mutant(
    'errors-invalid-json',
    'trailing-commas-accepted',
    'The parser forgives trailing commas.',
    reads((text) => text.replace(/,\}$/, '}')),
  ),
  ...lenient.map(([name, fault, change]) =>
    mutant('errors-invalid-json', `${name}-forgiven`, fault, forgives(change)),
  ),
  mutant(
    'errors-empty-message',
    'empty-message-ends',
    'An empty message is taken for the end of the connection.',
    ends(({ bytes }) => bytes.length === 0, 1000),
  ),
  mutant(
    'errors-trailing-data',
    'first-value-read',
    'Only the first value of the text is read.',
    reads((text) => (text.startsWith('{"type":"ping"}') ? '{"type":"ping"}' : text)),
  ),
  mutant(
    'errors-trailing-data',
    'text-ends-at-nul',
    'The text ends at its first U+0000.',
    reads((text) => text.replace(/(?<=\})\0.*$/s, '')),
  ),
  mutant(
    'errors-not-an-object',
    'null-ends-the-loop',
    'The member `type` of null is an exception that ends the connection.',
    ends(({ bytes }) => bytes.toString() === 'null', 1011),
  ),
  mutant(
    'errors-not-an-object',
    'array-is-an-object',
    'An array counts as an object without type, and as unknown.',
    confuses('invalid_envelope', 'unknown_type'),
  ),
  mutant(
    'errors-type-missing',
    'type-missing-is-unknown',
    'A message without type has an unknown type.',
    ({ gates, messages: right }) => ({
      gates: {
        envelope: (core, connection, incoming) =>
          'type' in ((incoming.value ?? { type: 1 }) as object) || Array.isArray(incoming.value)
            ? gates.envelope(core, connection, incoming)
            : refuse(
                core,
                connection,
                { ...incoming.request },
                incoming.at,
                'unknown_type',
                String(right.known('')),
              ),
      },
    }),
  ),
  mutant(
    'errors-type-malformed',
    'type-any-string',
    'Any string is a type.',
    overlooks(({ type }) => typeof type === 'string' && type !== ''),
  ),
  mutant(
    'errors-type-malformed',
    'type-trimmed',
    'The type may end with a line feed.',
    overlooks(({ type }) => typeof type === 'string' && /^[a-z]+\n$/.test(type)),
  ),
  mutant(
    'errors-data-malformed',
    'data-null-is-absent',
    '`data: null` counts as absent.',
    overlooks(({ data: value, type }) => value === null && type === 'ping'),
  ),
  mutant(
    'errors-data-malformed',
    'data-false-is-absent',
    'A `data` of 0, false or an empty string counts as absent.',
    overlooks(({ data: value, type }) => isFalsy(value) && type === 'ping'),
  ),
  mutant(
    'errors-id-malformed',
    'id-false-is-absent',
    'An `id` of 0 or false counts as absent.',
    overlooks(({ id }) => isFalsy(id) && id !== ''),
  ),
  mutant(
    'errors-id-malformed',
    'id-folded-by-unicode',
    'Letters are compared without their case, by the rules of Unicode.',
    overlooks(({ id }) => typeof id === 'string' && /^[a-z0-9._:-]{1,64}$/iu.test(id)),
  ),
  mutant(
    'errors-room-malformed',
    'room-false-is-absent',
    'A `room` of 0 or false counts as absent.',
    overlooks(({ room }) => isFalsy(room) && room !== ''),
  ),
  mutant(
    'errors-room-malformed',
    'room-of-any-digits',
    'The digits of every script are digits.',
    overlooks(
      ({ room }) => typeof room === 'string' && /^[\p{Nd}A-Za-z][\p{Nd}\w.:-]{0,127}$/u.test(room),
    ),
  ),
  mutant(
    'errors-data-malformed',
    'data-array-accepted',
    'An array counts as an object.',
    overlooks(({ data: value }) => Array.isArray(value)),
  ),
  mutant(
    'errors-id-malformed',
    'id-any-string',
    'Any string is an id.',
    overlooks(({ id }) => typeof id === 'string'),
  ),
  mutant(
    'errors-id-malformed',
    'id-numbers-accepted',
    'Numbers are ids, too.',
    overlooks(({ id }) => typeof id === 'number'),
  ),
  mutant(
    'errors-id-malformed-no-ref',
    'bad-id-in-ref',
    'The error has the malformed id as its ref.',
    ({ gates }) => ({
      gates: {
        envelope(core, connection, incoming) {
          const effects = gates.envelope(core, connection, incoming);
          const id = (incoming.value as { id?: unknown } | null)?.id;
          if (!Array.isArray(effects) || id === undefined) return effects;
          return effects.map((effect) =>
            effect.do === 'send'
              ? { ...effect, message: { ...effect.message, ref: String(id) } }
              : effect,
          );
        },
      },
    }),
  ),
  mutant(
    'errors-room-malformed',
    'room-any-string',
    'Any string is a room.',
    overlooks(({ room }) => typeof room === 'string'),
  ),
  ...(
    [
      ['room-begins-with-underscore', 'begin with a `_`', /^_[\w.:-]{0,127}$/],
      ['room-holds-an-at', 'hold an `@`', /^[A-Za-z0-9][\w.:@-]{0,127}$/],
    ] as const
  ).map(([name, what, form]) =>
    mutant(
      'errors-room-malformed',
      name,
      `The name of a room may ${what}.`,
      overlooks(({ room }) => typeof room === 'string' && form.test(room)),
    ),
  ),
  mutant(
    'errors-room-malformed',
    'room-judged-with-payload',
    'The room is judged where it is needed.',
    confuses('invalid_envelope', 'invalid_payload'),
  ),
  mutant(
    'errors-unknown-type',
    'unknown-type-is-unsupported',
    'An unknown type is unsupported.',
    confuses('unknown_type', 'unsupported'),
  ),
  mutant(
    'errors-unknown-type',
    'unknown-type-closes-1003',
    'An unknown type ends the connection with 1003.',
    ends(({ bytes }) => bytes.toString().includes('shout'), 1003),
  ),
  mutant(
    'errors-server-type-unknown',
    'server-types-accepted',
    'Types that servers send are accepted from clients.',
    messages(({ known, supported, payload }) => ({
      known: (type) => known(type) || type === 'server_shutdown',
      supported: (type, config) => type === 'server_shutdown' || supported(type, config),
      payload: (request, core) =>
        request.type === 'server_shutdown'
          ? { path: '/data', message: 'is malformed' }
          : payload(request, core),
    })),
  ),
  mutant(
    'errors-unsupported-type',
    'unsupported-is-unknown',
    'A type of a profile that is not announced is unknown.',
    confuses('unsupported', 'unknown_type'),
    BARE,
  ),
  mutant(
    'errors-room-missing',
    'room-missing-is-not-in-room',
    'A message without a room comes from a stranger.',
    data((each) =>
      each['path'] === '/room'
        ? { code: 'not_in_room', message: 'Join first.', retryable: false }
        : each,
    ),
  ),
  mutant(
    'errors-room-missing',
    'room-missing-path',
    'The path of a missing room is that of its data.',
    data((each) => (each['path'] === '/room' ? { ...each, path: '/data/room' } : each)),
  ),
  mutant(
    'errors-invalid-payload',
    'meta-null-accepted',
    '`meta: null` is accepted.',
    accepts('meta', null),
  ),
  ...[0, false, ''].map((value) =>
    mutant(
      'errors-invalid-payload',
      `meta-${value === '' ? 'empty-text' : value}-accepted`,
      `A \`meta\` of ${JSON.stringify(value)} counts as absent.`,
      accepts('meta', value),
    ),
  ),
  mutant(
    'errors-invalid-payload',
    'text-false-accepted',
    'A `text` of false is a text.',
    accepts('text', false),
  ),
  mutant(
    'errors-invalid-payload',
    'active-zero-accepted',
    'An `active` of 0 is false.',
    accepts('active', 0),
  ),
  mutant(
    'errors-invalid-payload',
    'active-coerced',
    '`active: "yes"` is true.',
    accepts('active', 'yes'),
  ),
  mutant(
    'errors-path',
    'path-without-data',
    'The path begins at `data`.',
    data((each) =>
      typeof each['path'] === 'string'
        ? { ...each, path: each['path'].replace('/data', '') }
        : each,
    ),
  ),
  mutant(
    'errors-ref',
    'no-ref-before-type',
    'Errors of the envelope have no ref.',
    told((error) => {
      if (error.data['code'] !== 'invalid_envelope') return error;
      const { ref: _, ...rest } = error;
      return rest;
    }),
  ),
  mutant(
    'errors-retryable',
    'everything-retryable',
    'Every error is retryable.',
    data((each) => ({ ...each, retryable: true })),
  ),
  mutant(
    'errors-message-length',
    'message-quotes-without-limit',
    'The message quotes what came.',
    says((message) => `${message} ${'x'.repeat(200)}`),
  ),
  mutant(
    'errors-no-internals',
    'exception-sent',
    'The text of the exception is the message.',
    says((message) => `TypeError: ${message}`.slice(0, 200)),
  ),
  mutant(
    'errors-connection-kept',
    'unknown-type-ends',
    'An unknown type ends the connection.',
    ends(({ bytes }) => bytes.toString().includes('no_such_type'), 1008),
  ),
  mutant(
    'errors-nobody-else',
    'refused-chat-takes-a-number',
    'A refused chat takes a number of the room.',
    ({ gates }) => ({
      gates: {
        payload(core, connection, incoming) {
          const effects = gates.payload(core, connection, incoming);
          const { request, at } = incoming;
          if (effects !== null && request.type === 'chat')
            void core.broker.publish({
              room: request.room ?? '',
              message: {
                type: 'chat',
                id: core.newId(),
                room: request.room ?? '',
                from: connection.grant.user,
                seq: 0,
                timestamp: new Date(at.wall).toISOString(),
                data: { text: 'oops' },
              },
              once: null,
              at,
            });
          return effects;
        },
      },
    }),
  ),
  mutant(
    'errors-envelope-before-type',
    'type-before-envelope',
    'The type is looked at before the rest of the envelope.',
    ({ gates }) => ({
      gates: {
        envelope(core, connection, incoming) {
          const type = (incoming.value as { type?: unknown } | null)?.type;
          if (type === 'no_such_type')
            return refuse(
              core,
              connection,
              incoming.request,
              incoming.at,
              'unknown_type',
              'No client sends this type.',
            );
          return gates.envelope(core, connection, incoming);
        },
      },
    }),
  ),
  mutant(
    'errors-unsupported-before-payload',
    'payload-before-support',
    'The data of a profile that is not announced is judged.',
    moved('payload', 'support'),
    BARE,
  ),
  mutant(
    'errors-payload-before-rate',
    'rate-before-payload',
    'The rate is asked before the data is judged.',
    moved('rate', 'payload'),
  ),
  mutant(
    'errors-payload-before-membership',
    'membership-before-payload',
    'Membership is asked before the data is judged.',
    moved('membership', 'payload'),
  ),
  mutant(
    'errors-rate-before-membership',
    'membership-before-rate',
    'Membership is asked before the rate.',
    moved('membership', 'rate'),
  ),
  mutant(
    'errors-rate-before-forbidden',
    'permission-before-rate',
    'Authorization is asked before the rate.',
    moved('permission', 'rate'),
  ),
  mutant(
    'errors-forbidden-before-room-limit',
    'room-limit-before-permission',
    'The number of rooms is asked before authorization.',
    moved('room', 'permission'),
  ),
  mutant(
    'errors-forbidden-before-membership',
    'membership-before-permission',
    'Membership is asked before authorization.',
    moved('membership', 'permission'),
  ),
  ...['members', 'typing', 'binary'].map((type) =>
    mutant(
      'errors-forbidden-before-membership',
      `${type}-without-permission`,
      `The permission to ask for ${type} is not looked at, only the membership.`,
      ungated('permission', type),
    ),
  ),
  mutant(
    'errors-budget-tolerated',
    'budget-one-too-small',
    'One protocol error less than announced is tolerated.',
    spends((n) => n - 1),
  ),
  mutant(
    'errors-budget-spent',
    'budget-never-spent',
    'The budget is announced and never enforced.',
    spends(() => Number.MAX_SAFE_INTEGER),
  ),
  mutant(
    'errors-budget-spent',
    'budget-one-too-large',
    'One protocol error more than announced is tolerated.',
    spends((n) => n + 1),
  ),
  mutant(
    'errors-budget-spent',
    'budget of a tumbling window',
    'The count of protocol errors begins anew when a window since its first has passed.',
    ({ errors }) => {
      const counts = new WeakMap<Connection, { since: number; count: number }>();
      return {
        errors: {
          ...errors,
          spend(connection, { protocol_error_window_ms, max_protocol_errors }, { steady }) {
            const known = counts.get(connection);
            const kept = known && steady - known.since < protocol_error_window_ms;
            const now = kept ? known : { since: steady, count: 0 };
            now.count += 1;
            counts.set(connection, now);
            return now.count >= max_protocol_errors;
          },
        },
      };
    },
  ),
  mutant(
    'errors-budget-spent',
    'budget-of-text-only',
    'A binary message that cannot be read does not count against the budget.',
    ({ gates }) => ({
      gates: {
        json(core, connection, incoming) {
          const { faults } = connection;
          const effects = gates.json(core, connection, incoming);
          if (incoming.binary) connection.faults = faults;
          return effects;
        },
      },
    }),
  ),
  mutant(
    'errors-budget-spent',
    'budget-refilled-by-acks',
    'Whatever is acknowledged gives the whole budget back.',
    tampered('join', (effects, _core, connection) => {
      connection.faults = [];
      return effects;
    }),
  ),
  mutant(
    'errors-budget-spent',
    'budget-of-a-second',
    'The window of protocol errors is a second, whatever is announced.',
    errorsPart(({ spend }) => ({
      spend: (connection, limits, at) =>
        spend(connection, { ...limits, protocol_error_window_ms: 1_000 }, at),
    })),
  ),
  mutant(
    'errors-budget-spent',
    'budget-closes-1008',
    'A spent budget closes with 1008.',
    errorsPart(() => ({ closing: { code: 1008, reason: 'too_many_protocol_errors' } })),
  ),
  mutant(
    'errors-budget-last-answered',
    'last-error-not-told',
    'The error that spends the budget is not sent.',
    errorsPart(() => ({ tellsLast: false })),
  ),
  mutant(
    'errors-budget-window',
    'budget-never-refilled',
    'Protocol errors are counted for the whole life of the connection.',
    errorsPart(({ spend }) => ({
      spend: (connection, limits, at) =>
        spend(connection, { ...limits, protocol_error_window_ms: Number.MAX_SAFE_INTEGER }, at),
    })),
  ),
  mutant(
    'errors-budget-malformed-only',
    'every-error-counts',
    'Every error counts against the budget.',
    errorsPart(() => ({ counts: () => true })),
  ),
  ...(['too_many_rooms', 'auth_failed', 'recipient_unavailable'] as const).map((code) =>
    mutant(
      'errors-budget-malformed-only',
      `${code.replaceAll('_', '-')}-counts`,
      `The error ${code} counts against the budget.`,
      errorsPart(({ counts }) => ({ counts: (each) => each === code || counts(each) })),
    ),
  ),
  mutant(
    'errors-budget-malformed-only',
    'duplicate-id-counts',
    'The error duplicate_id counts against the budget.',
    ({ gates, errors: right }) => ({
      gates: {
        repeat: (core, connection, incoming) =>
          after(gates.repeat(core, connection, incoming), (effects) => {
            const refused = effects?.some(
              (each) => each.do === 'send' && each.message.data['code'] === 'duplicate_id',
            );
            return refused && right.spend(connection, core.config.limits, incoming.at)
              ? [...(effects ?? []), { do: 'close', closing: right.closing }]
              : effects;
          }),
      },
    }),
  ),
  mutant(
    'errors-budget-per-connection',
    'budget-per-user',
    "The protocol errors of a user's connections are counted together.",
    () => {
      const faults = new Map<string, number>();
      return {
        errors: {
          spend({ grant }: Connection, limits: { max_protocol_errors: number }) {
            const count = (faults.get(grant.user) ?? 0) + 1;
            faults.set(grant.user, count);
            return count >= limits.max_protocol_errors;
          },
        },
      };
    },
  ),
  ...['NaN', 'Infinity'].map((literal) =>
    mutant(
      'errors-nan-refused',
      `${literal.toLowerCase()}-read-as-null`,
      `The parser takes ${literal}.`,
      reads((text) => text.replace(`:${literal}`, ':null')),
    ),
  ),
  mutant(
    'errors-huge-number-refused',
    'huge-number-becomes-null',
    'A number that is too large is read as infinity, and written as null.',
    messages(({ parse }) => ({
      parse: (text) => parse(text.replace('1e999', 'null')),
    })),
  ),
  ...(
    [
      ['become-question-marks', '?', 'becomes a question mark'],
      ['dropped', '', 'is left out'],
    ] as const
  ).map(([name, mark, fate]) =>
    mutant(
      'chat-text-exact',
      `surrogates-${name}`,
      `An unpaired surrogate ${fate}.`,
      reads((text) => text.replace(UNPAIRED, mark)),
    ),
  ),
  mutant(
    'errors-lone-surrogate-not-relayed',
    'surrogates-relayed',
    'Unpaired surrogates go out as they came in.',
    messages(() => ({
      parse(text) {
        try {
          return { value: JSON.parse(text) };
        } catch {
          return { code: 'invalid_json', message: 'The message is not JSON.' };
        }
      },
    })),
  ),
  mutant(
    'errors-depth-accepted',
    'depth-of-sixteen',
    'Messages may be 16 levels deep.',
    messages(({ parse }) => ({
      parse: (text) =>
        /\[{14}/.test(text)
          ? { code: 'invalid_json', message: 'The message is nested too deep.' }
          : parse(text),
    })),
  ),
  mutant(
    'errors-deep-nesting-survived',
    'deep-nesting-ends',
    'Deep nesting overflows the stack, and the connection is lost.',
    ends(({ bytes }) => bytes.toString().includes('['.repeat(1_000)), 1011),
  ),
  mutant(
    'errors-prototype-names-inert',
    'prototype-merged',
    'Data is merged member by member, `__proto__` included.',
    ({ chat }) => ({
      chat: {
        relayed(request) {
          const own = Object.getOwnPropertyDescriptor(request.data, '__proto__')?.value as
            | object
            | undefined;
          return { ...chat.relayed(request), ...(own && 'text' in own ? { text: own.text } : {}) };
        },
      },
    }),
  ),
  mutant('errors-nul-survived', 'text-ends-at-nul', 'A text ends at U+0000.', ({ chat }) => ({
    chat: {
      relayed(request) {
        const relayed = chat.relayed(request);
        return { ...relayed, text: String(relayed['text']).split('\u0000')[0] };
      },
    },
  })),
  mutant(
    'errors-byte-order-mark',
    'byte-order-mark-ends',
    'A byte order mark ends the connection.',
    ends(({ bytes }) => bytes[0] === 0xef, 1007),
  ),
];
