import type { Opening, Selection } from '#server/handshake.js';
import type { Link } from '#server/link.js';
import type { Parts } from '#server/parts.js';
import { perform } from '#server/perform.js';
import type { Core, Effect, Outgoing, Step } from '#server/state.js';
import { origins } from './handshake.origins.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty } from './wire.js';

const V1 = 'parlor.v1';
const SENTINEL = 'parlor.unsupported';
const version: Selection = {
  select: SENTINEL,
  closing: { code: 4002, reason: 'version_unsupported' },
};

type Select = (offers: readonly string[], right: Parts['handshake']['subprotocol']) => Selection;

const selecting =
  (select: Select): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: { subprotocol: (offers) => select(offers, handshake.subprotocol) },
  });

const subprotocols: readonly Mutant[] = [
  mutant(
    'handshake-subprotocol-selected',
    'subprotocol-not-echoed',
    'parlor.v1 is spoken and not named in the response.',
    selecting((offers, right) => (offers.includes(V1) ? { select: null } : right(offers))),
  ),
  mutant(
    'handshake-subprotocol-any-position',
    'subprotocol-first-only',
    'Only the first offered subprotocol is looked at.',
    selecting((offers, right) => right(offers.slice(0, 1))),
  ),
  mutant(
    'handshake-subprotocol-any-position',
    'subprotocol-first-line-only',
    'Of several header lines with subprotocols only the first is read.',
    faulty(() => ({
      request({ headers, rawHeaders }) {
        const at = rawHeaders.findIndex((name) => /^sec-websocket-protocol$/i.test(name));
        if (at >= 0) headers['sec-websocket-protocol'] = rawHeaders[at + 1];
      },
    })),
  ),
  mutant(
    'handshake-subprotocol-any-position',
    'subprotocol-list-echoed',
    'The response repeats the whole list of offers.',
    selecting((offers, right) =>
      offers.includes(V1) ? { select: offers.join(', ') } : right(offers),
    ),
  ),
  mutant(
    'handshake-subprotocol-any-position',
    'subprotocol-sentinel-preferred',
    'The sentinel is taken wherever it is offered.',
    selecting((offers, right) => (offers.includes(SENTINEL) ? version : right(offers))),
  ),
  mutant(
    'handshake-no-subprotocol-accepted',
    'subprotocol-required',
    'Whoever offers no subprotocol is refused.',
    selecting((offers, right) => (offers.length === 0 ? { status: 400 } : right(offers))),
  ),
  mutant(
    'handshake-unoffered-never-selected',
    'subprotocol-always-v1',
    'parlor.v1 is selected whatever was offered.',
    selecting((offers, right) => (offers.length === 0 ? right(offers) : { select: V1 })),
  ),
  mutant(
    'handshake-unoffered-never-selected',
    'subprotocol-header-unasked',
    'Every response names parlor.v1, also where nothing was offered.',
    () => ({ transport: { rawOutbound: nameSubprotocol } }),
  ),
  mutant(
    'handshake-sentinel-selected',
    'sentinel-unknown',
    'The sentinel is refused as any unknown subprotocol.',
    selecting((offers, right) => right(offers.filter((offer) => offer !== SENTINEL).concat('x'))),
  ),
  mutant(
    'handshake-sentinel-selected',
    'sentinel-not-named',
    'The sentinel is understood and not named in the response.',
    selecting((offers, right) => {
      const selection = right(offers);
      return 'closing' in selection ? { ...selection, select: null } : selection;
    }),
  ),
  mutant(
    'handshake-sentinel-closes-4002',
    'sentinel-awaited',
    'Who asked for ?auth=message is awaited, whatever was selected.',
    ({ handshake }) => {
      const asked = new WeakSet<readonly string[]>();
      return {
        handshake: {
          checks: [
            (_core, { query, offers }) => {
              if (query.get('auth') === 'message') asked.add(offers);
              return null;
            },
            ...handshake.checks,
          ],
          subprotocol: (offers) => {
            const selection = handshake.subprotocol(offers);
            return 'select' in selection && asked.has(offers)
              ? { select: selection.select }
              : selection;
          },
        },
      };
    },
  ),
  mutant(
    'handshake-sentinel-closes-4002',
    'sentinel-spoken',
    'A connection that selected the sentinel is authenticated and welcomed.',
    selecting((offers, right) => {
      const selection = right(offers);
      return 'closing' in selection ? { select: SENTINEL } : selection;
    }),
  ),
  mutant(
    'handshake-sentinel-closes-4002',
    'sentinel-other-reason',
    'The version is refused with another reason.',
    selecting((offers, right) => {
      const selection = right(offers);
      return 'closing' in selection
        ? { select: SENTINEL, closing: { code: 4002, reason: 'unsupported_version' } }
        : selection;
    }),
  ),
  mutant(
    'handshake-unknown-subprotocol-refused',
    'subprotocol-unknown-accepted',
    'A connection without a common subprotocol is accepted without one.',
    selecting((offers, right) => {
      const selection = right(offers);
      return 'status' in selection ? { select: null } : selection;
    }),
  ),
  mutant(
    'handshake-unknown-subprotocol-refused',
    'subprotocol-unknown-403',
    'An unknown subprotocol is answered as a foreign origin is.',
    selecting((offers, right) => {
      const selection = right(offers);
      return 'status' in selection ? { status: 403 } : selection;
    }),
  ),
  mutant(
    'handshake-unknown-subprotocol-refused',
    'subprotocol-any-case',
    'Subprotocols are compared without case.',
    selecting((offers, right) => right(offers.map((offer) => offer.toLowerCase()))),
  ),
];

function nameSubprotocol(chunk: Buffer): Buffer {
  const text = chunk.toString('latin1');
  if (!text.startsWith('HTTP/1.1 101') || /^sec-websocket-protocol:/im.test(text)) return chunk;
  return Buffer.from(text.replace('\r\n', `\r\nSec-WebSocket-Protocol: ${V1}\r\n`), 'latin1');
}

const refusals: readonly Mutant[] = [
  mutant(
    'handshake-refusal-after-accept',
    'refusal-before-accept',
    'A refused credential is answered with HTTP 403, before the handshake is complete.',
    () => ({ handshake: { completesFirst: false } }),
  ),
  mutant(
    'handshake-refusal-after-accept',
    'refusal-without-close',
    'A refused connection is dropped without a Close frame.',
    () => ({
      handshake: {
        dismiss: (_core, { link }) => {
          (link as Link).terminate();
          return [];
        },
      },
    }),
  ),
  mutant(
    'handshake-refusal-prompt',
    'refusal-lingers',
    'A refused connection is left open.',
    () => ({ handshake: { dismiss: () => [] } }),
  ),
  mutant(
    'handshake-refusal-no-data',
    'refusal-error-first',
    'A refused connection is sent an error before the close.',
    ({ handshake }) => ({
      handshake: {
        dismiss: (core, connection, closing) => [
          send({
            type: 'error',
            timestamp: '2030-01-01T00:00:00.000Z',
            data: { code: 'forbidden', message: closing.reason, retryable: false },
          }),
          ...handshake.dismiss(core, connection, closing),
        ],
      },
    }),
  ),
  mutant(
    'handshake-refusal-no-data',
    'refusal-after-welcome',
    'A user with too many connections is welcomed before the close.',
    ({ handshake }) => ({
      handshake: {
        dismiss: (core, connection, closing) =>
          closing.code === 4005
            ? [
                ...handshake.greet(core, connection, core.now()),
                ...handshake.dismiss(core, connection, closing),
              ]
            : handshake.dismiss(core, connection, closing),
      },
    }),
  ),
];

const send = (message: Outgoing): Effect => ({ do: 'send', message });

// The step of a request, and then another welcome.
const welcomingAgain =
  (type: string): Mutant['parts'] =>
  ({ steps, handshake }) => {
    const step: Step = async (core, connection, incoming) => {
      const effects = (await steps[type]?.(core, connection, incoming)) ?? [];
      return [...effects, ...handshake.greet(core, connection, incoming.at)];
    };
    return { steps: { [type]: step } };
  };

const naming =
  (name: (core: Core, user: string) => string): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      welcome: (core, connection) => ({
        ...handshake.welcome(core, connection),
        connection_id: name(core, connection.grant.user),
      }),
    },
  });

const welcome: readonly Mutant[] = [
  mutant(
    'handshake-welcome-first',
    'welcome-second',
    'An event of the application comes before the welcome.',
    ({ handshake }) => ({
      handshake: {
        greet: (core, connection, at) => {
          const greeting = handshake.greet(core, connection, at);
          const timestamp = '2030-01-01T00:00:00.000Z';
          return [send({ type: 'x.connected', timestamp, data: {} }), ...greeting];
        },
      },
    }),
  ),
  mutant(
    'handshake-welcome-first',
    'registered-before-welcome',
    'A connection is registered for its user first, and sent its welcome a moment later.',
    ({ handshake }) => ({
      handshake: {
        greet(core, connection, at) {
          const greeting = handshake.greet(core, connection, at);
          setTimeout(() => perform(core, connection, greeting), 50);
          return [];
        },
      },
    }),
  ),
  mutant(
    'handshake-welcome-once',
    'welcome-after-refresh',
    'A refreshed token is answered with another welcome.',
    welcomingAgain('auth'),
  ),
  mutant(
    'handshake-welcome-once',
    'welcome-after-join',
    'Each join is followed by another welcome.',
    welcomingAgain('join'),
  ),
  mutant(
    'handshake-welcome-prompt',
    'welcome-missing',
    'A connection is accepted and never told so.',
    () => ({ handshake: { greet: () => [] } }),
  ),
  mutant(
    'handshake-early-messages-kept',
    'early-messages-lost',
    'What comes while the token is checked is lost.',
    () => ({ handshake: { keepsEarly: false } }),
  ),
  mutant(
    'handshake-connection-id-unique',
    'connection-id-of-user',
    'The connection_id is made of the user alone.',
    naming((_core, user) => `c-${user}`),
  ),
  mutant(
    'handshake-connection-id-unique',
    'connection-id-of-count',
    'The connection_id is the number of open connections.',
    naming(({ connections }) => `c-${connections.size}`),
  ),
];

const tokensUnder =
  (isToken: (name: string) => boolean): Mutant['parts'] =>
  ({ handshake }) => ({
    handshake: {
      found: (core, opening) =>
        handshake.found(core, { ...opening, query: named(opening, isToken) }),
    },
  });

// The query, with every name that counts as `token` written so.
function named({ query }: Opening, isToken: (name: string) => boolean): URLSearchParams {
  return new URLSearchParams(
    [...query].map(([name, value]): [string, string] => [isToken(name) ? 'token' : name, value]),
  );
}

const others: readonly Mutant[] = [
  mutant(
    'handshake-plain-get-refused',
    'plain-get-200',
    'A plain GET is answered with 200.',
    () => ({
      handshake: { plain: { status: 200, detail: 'Hello.' } },
    }),
  ),
  mutant(
    'handshake-plain-get-refused',
    'plain-get-500',
    'A plain GET makes the server fail.',
    () => ({
      handshake: { plain: { status: 500, detail: 'TypeError' } },
    }),
  ),
  mutant('handshake-plain-get-426', 'plain-get-404', 'A plain GET finds nothing.', () => ({
    handshake: { plain: { status: 404, detail: 'There is nothing here.' } },
  })),
  mutant(
    'handshake-version-refused',
    'version-505',
    'Another version is answered as a fault of the server.',
    ({ handshake }) => ({
      handshake: {
        checks: [
          (_core, opening) =>
            opening.version === '13' ? null : { status: 505, detail: 'Version not supported.' },
          ...handshake.checks,
        ],
      },
    }),
  ),
  mutant(
    'handshake-version-refused',
    'version-ignored',
    'The version is not looked at.',
    ({ handshake }) => ({
      handshake: {
        checks: handshake.checks.map(
          (each) => (core, opening) => each(core, { ...opening, version: '13' }),
        ),
      },
      transport: {
        socket: (_socket, { headers }) => {
          headers['sec-websocket-version'] = '13';
        },
      },
    }),
  ),
  mutant(
    'handshake-unknown-query-ignored',
    'query-unknown-refused',
    'A request with an unknown query parameter is refused.',
    ({ handshake }) => ({
      handshake: {
        checks: [
          ...handshake.checks,
          (_core, { query }) =>
            [...query.keys()].every((name) => ['token', 'auth'].includes(name))
              ? null
              : { status: 400, detail: 'Unknown query parameter.' },
        ],
      },
    }),
  ),
  mutant(
    'handshake-unknown-query-ignored',
    'query-access-token',
    'A token is also taken from `access_token`.',
    tokensUnder((name) => name === 'access_token'),
  ),
  mutant(
    'handshake-unknown-query-ignored',
    'query-any-case',
    'The names of query parameters are compared without case.',
    tokensUnder((name) => name.toLowerCase() === 'token'),
  ),
];

/** Faults of the chapter `handshake`. */
export const handshake: readonly Mutant[] = [
  ...subprotocols,
  ...origins,
  ...refusals,
  ...welcome,
  ...others,
];
