import type { Rate } from '#schemas/types.js';
import {
  algorithms,
  allFeatures,
  defaultRates,
  OptionError,
  type ServerOptions,
} from './options.js';
import { MemorySessions, sessionKey } from './sessions.js';

/** Environment variables, as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says beyond the server's own options. */
export interface Settings {
  readonly options: ServerOptions;
  readonly host: string;
  readonly port: number;
  /** The broker that instances share; null: this process alone. */
  readonly redisUrl: string | null;
  /** The announced time from an instance's death to the `leave` of its users, in milliseconds. */
  readonly presenceTtlMs: number;
  /** Where the log goes: `stdout`, `stderr`, `off` or a file. */
  readonly log: string;
  /** Set when no key was configured: the secret of development. */
  readonly developmentSecret: string | null;
  /** Whether anybody may log in over HTTP, without a password. */
  readonly openLogin: boolean;
}

const SECRET = 'parlor-development-secret-change-me';

function fail(name: string, expected: string, value: string): never {
  throw new OptionError(`${name} must be ${expected}, not ${JSON.stringify(value)}.`);
}

/** Reads one variable; an empty one counts as absent. */
function read(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function number(env: Environment, name: string, least: number): number | undefined {
  const value = read(env, name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value) || Number(value) < least)
    fail(name, `an integer of at least ${least}`, value);
  return Number(value);
}

function onOff(env: Environment, name: string): boolean {
  const value = read(env, name) ?? 'off';
  return value === 'on' || (value === 'off' ? false : fail(name, 'on or off', value));
}

function list(env: Environment, name: string): string[] | undefined {
  return read(env, name)
    ?.split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function url(env: Environment, name: string): URL | null {
  const value = read(env, name);
  if (value === undefined) return null;
  return URL.canParse(value) ? new URL(value) : fail(name, 'a URL', value);
}

/** An object of those members that are defined. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as never;
}

const REDIS = /^(rediss?:\/\/[^,]+|redis\+cluster:\/\/.+)$/;

function redisUrl(env: Environment): string | null {
  const value = read(env, 'PARLOR_REDIS_URL');
  if (value === undefined || REDIS.test(value)) return value ?? null;
  return fail(
    'PARLOR_REDIS_URL',
    'redis://…, rediss://… or redis+cluster://host:port,…',
    value.replace(/\/\/.*@/, '//…@'),
  );
}

function tokens(env: Environment, secret: string | null) {
  const algorithm = read(env, 'PARLOR_TOKEN_ALGORITHM');
  if (algorithm !== undefined && !(algorithms as readonly string[]).includes(algorithm))
    fail('PARLOR_TOKEN_ALGORITHM', `one of ${algorithms.join(', ')}`, algorithm);
  return defined({
    algorithms: algorithm === undefined ? undefined : [algorithm],
    secret: secret ?? undefined,
    // A PEM in one line has its line breaks written as \n.
    publicKey: read(env, 'PARLOR_TOKEN_PUBLIC_KEY')?.replaceAll('\\n', '\n'),
    jwksUrl: url(env, 'PARLOR_TOKEN_JWKS_URL') ?? undefined,
    issuer: read(env, 'PARLOR_TOKEN_ISSUER'),
    audience: read(env, 'PARLOR_TOKEN_AUDIENCE'),
    leewayMs: number(env, 'PARLOR_TOKEN_LEEWAY_MS', 0),
  });
}

function sessions(env: Environment): MemorySessions {
  const store = new MemorySessions();
  const lifetime = number(env, 'PARLOR_SESSION_LIFETIME_MS', 1);
  const expiresAt = lifetime === undefined ? null : Date.now() + lifetime;
  for (const entry of list(env, 'PARLOR_SESSIONS') ?? []) {
    const cut = entry.indexOf('=');
    if (cut < 1 || cut === entry.length - 1) fail('PARLOR_SESSIONS', 'a list of value=user', entry);
    const user = entry.slice(cut + 1);
    const key = sessionKey(entry.slice(0, cut));
    if (store.find(key) !== null)
      throw new OptionError(`PARLOR_SESSIONS must have each value once, not again for ${user}.`);
    store.create(key, { user, expiresAt, revoked: false });
  }
  return store;
}

function rates(env: Environment, features: ReadonlySet<string>): Rate[] {
  return defaultRates(features).map((rate) => {
    const name = `PARLOR_${rate.bucket.toUpperCase()}`;
    return {
      ...rate,
      ...defined({
        limit: number(env, `${name}_LIMIT`, 1),
        window_ms: number(env, `${name}_WINDOW_MS`, 1),
        close_after: number(env, `${name}_CLOSE_AFTER`, 0),
      }),
    };
  });
}

function limits(env: Environment) {
  return defined({
    max_message_bytes: number(env, 'PARLOR_MAX_MESSAGE_BYTES', 1),
    max_text_bytes: number(env, 'PARLOR_MAX_TEXT_BYTES', 1),
    max_rooms: number(env, 'PARLOR_MAX_ROOMS', 1),
    max_listed_members: number(env, 'PARLOR_MAX_LISTED_MEMBERS', 1),
    max_connections_per_user: number(env, 'PARLOR_MAX_CONNECTIONS_PER_USER', 1),
    max_protocol_errors: number(env, 'PARLOR_MAX_PROTOCOL_ERRORS', 1),
    protocol_error_window_ms: number(env, 'PARLOR_PROTOCOL_ERROR_WINDOW_MS', 1),
    max_queue_bytes: number(env, 'PARLOR_MAX_QUEUE_BYTES', 1),
  });
}

function developmentSecret(env: Environment): string | null {
  const configured = ['SECRET', 'PUBLIC_KEY', 'JWKS_URL'].some((it) =>
    read(env, `PARLOR_TOKEN_${it}`),
  );
  if (configured || read(env, 'PARLOR_TOKENS') === 'off') return null;
  if (read(env, 'NODE_ENV') === 'production')
    throw new OptionError(
      'In production PARLOR_TOKEN_SECRET, PARLOR_TOKEN_PUBLIC_KEY or PARLOR_TOKEN_JWKS_URL must be set, and none of them is.',
    );
  return SECRET;
}

/** Reads everything that the environment says about the server, and says in one sentence what is wrong with it. */
export function readEnvironment(env: Environment): Settings {
  const secret = developmentSecret(env);
  const port = number(env, 'PORT', 0) ?? 8080;
  if (port > 65_535) fail('PORT', 'at most 65535', String(port));
  const features = new Set(list(env, 'PARLOR_FEATURES') ?? allFeatures);
  const local = ['localhost', '127.0.0.1'].map((it) => `http://${it}:${port}`);
  return {
    host: read(env, 'HOST') ?? '127.0.0.1',
    port,
    redisUrl: redisUrl(env),
    presenceTtlMs: number(env, 'PARLOR_PRESENCE_TTL_MS', 1_000) ?? 30_000,
    log: read(env, 'PARLOR_LOG') ?? 'stdout',
    developmentSecret: secret,
    openLogin: secret !== null || onOff(env, 'PARLOR_LOGIN'),
    options: {
      tokens: tokens(env, read(env, 'PARLOR_TOKEN_SECRET') ?? secret),
      acceptsTokens: read(env, 'PARLOR_TOKENS') !== 'off',
      allowedOrigins: list(env, 'PARLOR_ALLOWED_ORIGINS') ?? local,
      features: [...features],
      sessions: sessions(env),
      rates: rates(env, features),
      limits: limits(env),
      deflate: onOff(env, 'PARLOR_DEFLATE'),
      heartbeat: defined({
        interval_ms: number(env, 'PARLOR_HEARTBEAT_INTERVAL_MS', 1),
        timeout_ms: number(env, 'PARLOR_HEARTBEAT_TIMEOUT_MS', 1),
      }),
      resume: defined({
        window_ms: number(env, 'PARLOR_RESUME_WINDOW_MS', 1),
        max_events: number(env, 'PARLOR_RESUME_MAX_EVENTS', 1),
      }),
      ...defined({
        instance: read(env, 'PARLOR_INSTANCE'),
        authTimeoutMs: number(env, 'PARLOR_AUTH_TIMEOUT_MS', 1),
        graceMs: number(env, 'PARLOR_GRACE_MS', 0),
        typingTtlMs: number(env, 'PARLOR_TYPING_TTL_MS', 1),
        dedupWindowMs: number(env, 'PARLOR_DEDUP_WINDOW_MS', 1),
      }),
    },
  };
}
