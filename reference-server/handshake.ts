import type { Welcome } from '#schemas/types.js';
import { validateClient } from '#schemas/validate.js';
import {
  authAck,
  type Credential,
  type Found,
  type Verdict,
  verifyToken,
  watchExpiry,
} from './authentication.js';
import { BackendUnavailable } from './broker/broker.js';
import { type Instant, timestamp } from './clock.js';
import { who } from './lobby.js';
import { after, type Maybe } from './maybe.js';
import { reply } from './messages.js';
import { parseOrigin } from './origins.js';
import { perform } from './perform.js';
import { verifySession } from './sessions.js';
import type { Closing, Connection, Core, Effect, Grant, Incoming } from './state.js';

/** An upgrade request, as far as the protocol looks at it. */
export interface Opening {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly version: string | undefined;
  readonly origin: string | undefined;
  /** The offered subprotocols, in order. */
  readonly offers: readonly string[];
  /** The values of all `Authorization` headers. */
  readonly authorization: readonly string[];
  /** The values of all `Cookie` headers. */
  readonly cookies: readonly string[];
}

/** A refusal before the upgrade. */
export interface HttpRefusal {
  readonly status: number;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the offered subprotocols lead to. */
export type Selection =
  | { readonly select: string | null; readonly closing?: Closing }
  | { readonly status: number };

/** The decisions of the chapter `handshake`. */
export interface HandshakeParts {
  /** Judged in order; the first that refuses answers over HTTP. */
  readonly checks: readonly ((core: Core, opening: Opening) => HttpRefusal | null)[];
  /** Whether an origin is one of the allowed. */
  origin(origin: string, allowed: readonly string[]): boolean;
  /** Which subprotocol is selected. */
  subprotocol(offers: readonly string[]): Selection;
  /** Finds every credential of the request. */
  found(core: Core, opening: Opening): Found;
  /** Whether the handshake is completed before a refusal is told; else it is HTTP 403. */
  readonly completesFirst: boolean;
  /** Whether what came before `welcome` is processed after it. */
  readonly keepsEarly: boolean;
  /** The `data` of `welcome`. */
  welcome(core: Core, connection: Connection): Welcome;
  /** What a connection is sent that is to speak first: nothing. */
  invite(core: Core, connection: Connection): readonly Effect[];
  /** What an accepted connection is sent first. */
  greet(core: Core, connection: Connection, at: Instant): readonly Effect[];
  /** What a refused connection is sent, ending with the close. */
  dismiss(core: Core, connection: Connection, closing: Closing): readonly Effect[];
  /** The answer to a request on the endpoint that asks for no upgrade. */
  readonly plain: HttpRefusal;
  /** A connection's id. */
  connectionId(core: Core): string;
}

const PROTOCOL = 'parlor.v1';
const SENTINEL = 'parlor.unsupported';
const BEARER = /^bearer(?: +(.*))?$/i;

const refusal = (status: number, detail: string, headers?: Record<string, string>): HttpRefusal =>
  headers ? { status, detail, headers } : { status, detail };

const endpoint: HandshakeParts['checks'][number] = ({ config }, { path }) =>
  path === config.path ? null : refusal(404, `The endpoint is ${config.path}.`);

const draining: HandshakeParts['checks'][number] = ({ draining: under, config }) =>
  under
    ? refusal(503, 'The server is shutting down.', {
        'Retry-After': String(Math.ceil(config.graceMs / 1_000) + 1),
      })
    : null;

const method: HandshakeParts['checks'][number] = (_core, opening) =>
  opening.method === 'GET' ? null : refusal(405, 'An upgrade is a GET.', { Allow: 'GET' });

const version: HandshakeParts['checks'][number] = (_core, opening) =>
  opening.version === '13'
    ? null
    : refusal(426, 'Only version 13 of WebSocket is spoken.', { 'Sec-WebSocket-Version': '13' });

const allowedOrigin: HandshakeParts['checks'][number] = ({ config, parts }, { origin }) =>
  origin === undefined || parts.handshake.origin(origin, config.allowedOrigins)
    ? null
    : refusal(403, 'The origin is not allowed.');

const namedOrigin: HandshakeParts['checks'][number] = (core, opening) => {
  if (opening.origin !== undefined || !core.parts.sessions.needsOrigin) return null;
  const { handshake: parts, authentication } = core.parts;
  const chosen = authentication.choose(parts.found(core, opening), core);
  const judgedByCookie =
    chosen.by === 'session' ||
    (chosen.by === 'none' && chosen.closing.reason === 'session_ambiguous');
  return judgedByCookie ? refusal(403, 'A session needs an Origin header.') : null;
};

const offered: HandshakeParts['checks'][number] = ({ parts }, { offers }) => {
  const selection = parts.handshake.subprotocol(offers);
  if (!('status' in selection)) return null;
  return refusal(selection.status, `None of the offered subprotocols is ${PROTOCOL}.`);
};

/** As the specification has it. */
export const handshake: HandshakeParts = {
  checks: [endpoint, method, version, draining, allowedOrigin, namedOrigin, offered],
  origin(origin, allowed) {
    const parsed = parseOrigin(origin);
    return parsed !== null && allowed.includes(parsed);
  },

  subprotocol(offers) {
    if (offers.length === 0) return { select: null };
    if (offers.includes(PROTOCOL)) return { select: PROTOCOL };
    if (!offers.includes(SENTINEL)) return { status: 400 };
    return { select: SENTINEL, closing: { code: 4002, reason: 'version_unsupported' } };
  },

  found: (core, { query, authorization, cookies }) => ({
    tokens: [
      ...query.getAll('token'),
      ...authorization.flatMap((value) => {
        const bearer = BEARER.exec(value.trim());
        return bearer ? [bearer[1] ?? ''] : [];
      }),
    ],
    first: query.getAll('auth').includes('message'),
    sessions: core.parts.sessions.values(cookies),
  }),

  completesFirst: true,
  keepsEarly: true,

  welcome({ config, broker }, { id, grant }) {
    const { presenceTtlMs } = broker;
    return {
      protocol: PROTOCOL,
      server: config.server,
      connection_id: id,
      user: grant.user,
      features: [...config.features],
      heartbeat: config.heartbeat,
      auth: {
        method: grant.method,
        expires_at: grant.expiresAt === null ? null : timestamp(grant.expiresAt),
      },
      limits: config.limits,
      rates: [...config.rates],
      typing_ttl_ms: config.typingTtlMs,
      ...(config.resume ? { resume: config.resume } : {}),
      ...(config.dedupWindowMs === null ? {} : { dedup_window_ms: config.dedupWindowMs }),
      ...(config.features.has('session')
        ? { session_revocation_ms: config.sessionRevocationMs }
        : {}),
      ...(presenceTtlMs === null
        ? {}
        : { instance: config.instance, presence_ttl_ms: presenceTtlMs }),
    };
  },

  greet(core, connection, at) {
    const data = core.parts.handshake.welcome(core, connection);
    return [{ do: 'send', message: { type: 'welcome', timestamp: timestamp(at.wall), data } }];
  },

  invite: () => [],
  dismiss: (_core, _connection, closing) => [{ do: 'close', closing }],
  plain: refusal(426, 'This is a WebSocket endpoint.', {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
  }),
  connectionId: (core) => core.newId(),
};

/** The answer over HTTP that an upgrade request gets in place of an upgrade; null: it is upgraded. */
export function refuseUpgrade(core: Core, opening: Opening): HttpRefusal | null {
  for (const check of core.parts.handshake.checks) {
    const refused = check(core, opening);
    if (refused) return refused;
  }
  return null;
}

/** The credential that decides on an upgraded connection; an unspoken version ends it first. */
export function credentialOf(core: Core, opening: Opening): Credential {
  const { handshake: parts, authentication } = core.parts;
  const selection = parts.subprotocol(opening.offers);
  if ('closing' in selection && selection.closing)
    return { by: 'none', closing: selection.closing };
  return authentication.choose(parts.found(core, opening), core);
}

/** Judges a credential that came with the opening handshake. */
export function authenticate(core: Core, credential: Credential, at: Instant): Maybe<Verdict> {
  if (credential.by === 'token') return verifyToken(core, credential.token, at);
  if (credential.by === 'session') return verifySession(core, credential.value, at);
  return { closing: credential.by === 'none' ? credential.closing : AUTH_REQUIRED };
}

const AUTH_REQUIRED: Closing = { code: 4001, reason: 'auth_required' };
const AUTH_TIMEOUT: Closing = { code: 4001, reason: 'auth_timeout' };

/** Welcomes a connection by its verdict, or dismisses it. */
export function admit(core: Core, connection: Connection, verdict: Verdict): Maybe<void> {
  const { parts } = core;
  if ('closing' in verdict) return dismiss(core, connection, verdict.closing);
  const { grant } = verdict;
  connection.grant = grant;
  const limit = parts.limits.connectionsPerUser(core, grant);
  const admitted = after(core.broker.enter(who(connection), limit, core.now()), (entered) => {
    if (!entered) return dismiss(core, connection, parts.limits.tooManyConnections);
    if (connection.phase === 'awaiting' && parts.shutdown.admits(core))
      return welcome(core, connection, grant);
    const gone = core.broker.exit(who(connection), [], 'disconnected', core.now());
    return after(gone, () => dismiss(core, connection, parts.shutdown.late(core)));
  });
  if (!(admitted instanceof Promise)) return admitted;
  return admitted.catch((error: unknown) => {
    if (!(error instanceof BackendUnavailable)) throw error;
    dismiss(core, connection, parts.authentication.unavailable());
  });
}

function dismiss(core: Core, connection: Connection, closing: Closing): void {
  if (connection.phase !== 'awaiting') return;
  perform(core, connection, core.parts.handshake.dismiss(core, connection, closing));
}

function welcome(core: Core, connection: Connection, grant: Grant): void {
  const at = core.now();
  connection.phase = 'welcomed';
  connection.welcomed = true;
  core.awaiting.delete(connection);
  core.connections.set(connection.id, connection);
  const siblings = core.users.get(grant.user);
  if (siblings) siblings.add(connection);
  else core.users.set(grant.user, new Set([connection]));
  core.log?.(core.parts.logs.connect(core, connection));
  watchExpiry(core, connection, at);
  perform(core, connection, core.parts.handshake.greet(core, connection, at));
  connection.link.welcomed();
}

/** Gives a connection that asked for first-message authentication its time to speak. */
export function awaitFirst(core: Core, connection: Connection): void {
  const delay = core.parts.authentication.firstWithin(core);
  if (delay === null) return;
  perform(core, connection, core.parts.handshake.invite(core, connection));
  const late = () => dismiss(core, connection, AUTH_TIMEOUT);
  connection.alarms.push(core.agenda.in(delay, late));
}

/** The first message of such a connection: a valid `auth`, or the end. */
export function first(core: Core, connection: Connection, incoming: Incoming): Maybe<void> {
  const { messages } = core.parts;
  const { request, at } = incoming;
  for (const alarm of connection.alarms) core.agenda.cancel(alarm);
  const reading = incoming.binary ? { code: 0 } : messages.parse(incoming.bytes.toString());
  const value = 'value' in reading ? reading.value : null;
  if (messages.envelope(value) !== null || validateClient('auth', value) !== null)
    return admit(core, connection, { closing: AUTH_REQUIRED });
  messages.read(value as Record<string, unknown>, request);
  return verifyToken(core, String(request.data['token']), at).then((verdict) =>
    after(admit(core, connection, verdict), () => {
      if (connection.phase === 'welcomed')
        perform(core, connection, reply(core, request, 'ack', authAck(connection.grant), at));
    }),
  );
}
