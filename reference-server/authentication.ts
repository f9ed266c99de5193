import { BackendUnavailable } from './broker/broker.js';
import { type Instant, timestamp } from './clock.js';
import { refuse } from './errors.js';
import { who } from './lobby.js';
import { after, type Maybe } from './maybe.js';
import { reply } from './messages.js';
import { perform } from './perform.js';
import type { Closing, Connection, Core, Effect, Grant, Outcome, Step } from './state.js';
import type { Claims, TokenFault } from './tokens.js';

/** The credentials of an opening handshake, as they were found. */
export interface Found {
  /** Each token of the query and of an `Authorization: Bearer` header. */
  readonly tokens: readonly string[];
  /** Whether `?auth=message` was asked for. */
  readonly first: boolean;
  /** The different values of `session_token` cookies. */
  readonly sessions: readonly string[];
}

/** What a connection is judged by. */
export type Credential =
  | { readonly by: 'token'; readonly token: string }
  | { readonly by: 'session'; readonly value: string }
  /** The first message will bring it. */
  | { readonly by: 'message' }
  | { readonly by: 'none'; readonly closing: Closing };

/** Who it is, or how the connection ends. */
export type Verdict = { readonly grant: Grant } | { readonly closing: Closing };

/** The decisions of the chapter `authentication`, beside those about one token. */
export interface AuthenticationParts {
  /** Which of the found credentials decides. */
  choose(found: Found, core: Core): Credential;
  /** Who a right token is for, and what it allows. */
  grant(claims: Claims): Grant;
  /** How a connection ends whose token was refused for this reason. */
  refusal(fault: TokenFault): Closing;
  /** How a connection ends whose credentials could not be checked. */
  unavailable(): Closing;
  /** Milliseconds from now to the close for expiry; null: never. */
  closesIn(grant: Grant, core: Core, at: Instant): number | null;
  /** How a connection ends whose grant has expired. */
  expired(grant: Grant): Closing;
  /** Milliseconds from now to `auth_expiring`; null: not told. */
  warnsIn(grant: Grant, core: Core, at: Instant): number | null;
  /** Milliseconds that a first message may take. */
  firstWithin(core: Core): number | null;
  /** Whether a refreshed token is for the same user. */
  sameUser(old: Grant, fresh: Grant): boolean;
  /** The rooms that a fresh grant no longer allows. */
  narrowed(core: Core, connection: Connection, fresh: Grant): string[];
}

const close = (code: number, reason: string): Closing => ({ code, reason });

// A calendar with four digits for the year ends here; later expiries are announced as this.
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

// A warning leaves a client a fifth of the remaining life, and never more than a minute.
const WARNING = { share: 0.2, most: 60_000 };

/** As the specification has it. */
export const authentication: AuthenticationParts = {
  choose({ tokens, first, sessions }, { config }) {
    const awaited = first && config.features.has('auth_message');
    const [token] = tokens;
    if (tokens.length + (awaited ? 1 : 0) > 1)
      return { by: 'none', closing: close(4001, 'credentials_conflict') };
    if (token !== undefined && config.tokens !== null) return { by: 'token', token };
    if (awaited) return { by: 'message' };
    const [session] = sessions;
    if (session === undefined || !config.features.has('session'))
      return {
        by: 'none',
        closing:
          config.tokens === null ? close(4003, 'session_missing') : close(4001, 'token_missing'),
      };
    if (sessions.length > 1) return { by: 'none', closing: close(4003, 'session_ambiguous') };
    return { by: 'session', value: session };
  },

  grant: ({ sub, exp, rooms, scope }) => ({
    user: String(sub),
    method: 'token',
    expiresAt: Math.min(Number(exp) * 1_000, LAST_MOMENT),
    rooms: Array.isArray(rooms) ? rooms.map(String) : null,
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
    session: null,
  }),

  refusal: (fault) => close(4001, fault),
  unavailable: () => close(4103, 'backend_unavailable'),

  closesIn(grant, { config }, at) {
    if (grant.expiresAt === null) return null;
    const leeway = grant.method === 'token' ? (config.tokens?.leewayMs ?? 0) : 0;
    return grant.expiresAt + leeway - at.wall;
  },

  expired: ({ method }) =>
    method === 'token' ? close(4001, 'token_expired') : close(4003, 'session_expired'),

  warnsIn(grant, { config }, at) {
    if (grant.expiresAt === null || grant.method !== 'token') return null;
    if (!config.features.has('auth_refresh')) return null;
    const left = grant.expiresAt - at.wall;
    return left <= 0 ? null : left - Math.min(left * WARNING.share, WARNING.most);
  },

  firstWithin: ({ config }) => config.authTimeoutMs,
  sameUser: (old, fresh) => old.user === fresh.user,
  narrowed: (core, connection, fresh) =>
    [...connection.rooms.keys()].filter((room) => !core.parts.rooms.allowed(fresh, room)),
};

/** Judges a token: its user, or the close that its fault deserves. */
export async function verifyToken(core: Core, token: string, at: Instant): Promise<Verdict> {
  const { authentication: parts, tokens } = core.parts;
  if (core.config.tokens === null || core.verify === null)
    return { closing: parts.refusal('token_invalid') };
  try {
    const judged = await tokens.judge(token, core.config.tokens, core.verify, at.wall);
    return typeof judged === 'string'
      ? { closing: parts.refusal(judged) }
      : { grant: parts.grant(judged) };
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error;
    return { closing: parts.unavailable() };
  }
}

/** Sets the alarms for the end of the connection's grant, and takes the old ones off. */
export function watchExpiry(core: Core, connection: Connection, at: Instant): void {
  const { authentication: parts } = core.parts;
  for (const alarm of connection.alarms) core.agenda.cancel(alarm);
  connection.alarms = [];
  const warning = parts.warnsIn(connection.grant, core, at);
  const warn = () => perform(core, connection, expiring(core, connection));
  if (warning !== null) connection.alarms.push(core.agenda.in(warning, warn));
  watchEnd(core, connection, at);
}

function watchEnd(core: Core, connection: Connection, at: Instant): void {
  const { authentication: parts } = core.parts;
  const delay = parts.closesIn(connection.grant, core, at);
  if (delay === null) return;
  const end = () => {
    const now = core.now();
    // The calendar's clock may have been set back in the meantime.
    if ((parts.closesIn(connection.grant, core, now) ?? 0) > 0)
      return watchEnd(core, connection, now);
    const closing = parts.expired(connection.grant);
    perform(core, connection, [{ do: 'close', closing }]);
  };
  connection.alarms.push(core.agenda.in(Math.max(delay, 0), end));
}

function expiring(core: Core, { grant }: Connection): Effect[] {
  const at = core.now();
  const expiresAt = grant.expiresAt ?? at.wall;
  const data = {
    expires_at: timestamp(expiresAt),
    in_ms: Math.max(0, Math.round(expiresAt - at.wall)),
  };
  const message = { type: 'auth_expiring', timestamp: timestamp(at.wall), data };
  return [{ do: 'send', message }];
}

/** The `data` of the `ack` of an `auth`. */
export function authAck({ expiresAt }: Grant) {
  return { expires_at: expiresAt === null ? null : timestamp(expiresAt) };
}

/** `auth` on a welcomed connection: another token for the same user. */
export const refresh: Step = (core, connection, { request, at }) =>
  verifyToken(core, String(request.data['token']), at).then((verdict): Outcome => {
    if (connection.phase === 'ended') return [];
    if ('closing' in verdict) {
      const unreachable = verdict.closing.code === 4103;
      return unreachable
        ? refuse(core, connection, request, at, 'backend_unavailable', 'Try again later.')
        : refuse(core, connection, request, at, 'auth_failed', 'The token is not accepted.');
    }
    const { grant } = verdict;
    if (!core.parts.authentication.sameUser(connection.grant, grant))
      return [{ do: 'close', closing: close(4001, 'subject_changed') }];
    connection.grant = grant;
    watchExpiry(core, connection, core.now());
    const acked = reply(core, request, 'ack', authAck(grant), at);
    return after(expel(core, connection, grant, at), (told) => [...acked, ...told]);
  });

/** Takes a connection out of the rooms that its fresh grant does not allow. */
function expel(core: Core, connection: Connection, grant: Grant, at: Instant): Maybe<Effect[]> {
  const names = core.parts.authentication.narrowed(core, connection, grant);
  return names.reduce<Maybe<Effect[]>>(
    (told, room) =>
      after(told, (effects) =>
        after(
          core.broker.leave({ room, farewell: null }, who(connection), 'unauthorized', at),
          (): Effect[] => {
            const { leaveEvent } = core.parts.rooms;
            const message = leaveEvent(room, grant.user, 'unauthorized', core.now());
            return [...effects, { do: 'leave', room }, { do: 'send', message }];
          },
        ),
      ),
    [],
  );
}
