import { createRequire } from 'node:module';
import { MOST_LISTED } from '#schemas/bounds.js';
import type { Limits, Rate } from '#schemas/types.js';
import { parseOrigin } from './origins.js';
import type { PartsOverrides } from './parts.js';
import type { SessionStore } from './sessions.js';

/** The optional profiles, as `features` names them, in the order in which they are announced. */
export const allFeatures = [
  'session',
  'auth_refresh',
  'auth_message',
  'direct',
  'broadcast',
  'binary',
  'resume',
  'operations',
] as const;

/** The signature algorithms that a token may be configured with. */
export const algorithms = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;

/** By which keys and rules tokens are judged. */
export interface TokenConfig {
  /** The accepted values of `alg`. */
  readonly algorithms: readonly string[];
  /** The shared secret, for HS256. */
  readonly secret: Uint8Array;
  /** The public key as PEM, for the other algorithms. */
  readonly publicKey: string | null;
  /** Where the key set is, in place of a public key. */
  readonly jwksUrl: URL | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  /** Tolerance for `exp` and `nbf`, in milliseconds. */
  readonly leewayMs: number;
}

/** What a server is made of; whatever is left out has its default. */
export interface ServerOptions {
  /** How tokens are judged; null: none are accepted. */
  readonly tokens?: Partial<Omit<TokenConfig, 'secret'>> & {
    readonly secret?: string | Uint8Array;
  };
  /** Whether tokens are accepted at all; true unless said. */
  readonly acceptsTokens?: boolean;
  /** The endpoint's path; `/ws` unless said. */
  readonly path?: string;
  /** The origins that browsers may come from, each exactly scheme, host and port. */
  readonly allowedOrigins?: readonly string[];
  /** The optional profiles; all of them unless said, `session` only with a store. */
  readonly features?: readonly string[];
  /** Where sessions are kept. */
  readonly sessions?: SessionStore;
  /** The longest time from a revocation to the close of the session's connections, in milliseconds. */
  readonly sessionRevocationMs?: number;
  /** This instance's name. */
  readonly instance?: string;
  /** Milliseconds between two Pings, and how long one may stay unanswered. */
  readonly heartbeat?: { readonly interval_ms?: number; readonly timeout_ms?: number };
  /** How long a first message may take, in milliseconds. */
  readonly authTimeoutMs?: number;
  /** The time from a shutdown's notice to the close, in milliseconds. */
  readonly graceMs?: number;
  /** Over how long clients are told to spread their return after a shutdown, in milliseconds. */
  readonly reconnectSpreadMs?: number;
  readonly limits?: Partial<Limits>;
  /** The buckets of the rate limiter; those of the specification unless said. */
  readonly rates?: readonly Rate[];
  /** How long `typing` lasts, in milliseconds. */
  readonly typingTtlMs?: number;
  /** The bounds of a room's history. */
  readonly resume?: { readonly window_ms?: number; readonly max_events?: number };
  /** How long a request's `id` is remembered, in milliseconds. */
  readonly dedupWindowMs?: number;
  /** Whether `permessage-deflate` is negotiated; false unless said. */
  readonly deflate?: boolean;
  /** Writes one event of the log; nothing is logged unless said. */
  readonly log?: (event: Readonly<Record<string, unknown>>) => void;
  /** Decisions that are not as the specification has them. */
  readonly parts?: PartsOverrides;
}

/** The options, complete and consistent. */
export interface Config {
  readonly server: { readonly name: string; readonly version: string };
  readonly tokens: TokenConfig | null;
  readonly path: string;
  readonly allowedOrigins: readonly string[];
  readonly features: ReadonlySet<string>;
  readonly sessionRevocationMs: number;
  readonly instance: string;
  readonly heartbeat: { readonly interval_ms: number; readonly timeout_ms: number };
  readonly authTimeoutMs: number;
  readonly graceMs: number;
  readonly reconnectSpreadMs: number;
  readonly limits: Limits;
  readonly rates: readonly Rate[];
  readonly typingTtlMs: number;
  readonly resume: { readonly window_ms: number; readonly max_events: number } | null;
  readonly dedupWindowMs: number | null;
  readonly deflate: boolean;
}

/** An option that cannot be used, in one sentence. */
export class OptionError extends Error {
  override name = 'OptionError';
}

const { version }: { version: string } = createRequire(import.meta.url)('#package.json');

const defaultLimits: Limits = {
  max_message_bytes: 65_536,
  max_text_bytes: 4_096,
  max_rooms: 50,
  max_listed_members: MOST_LISTED,
  max_connections_per_user: 10,
  max_protocol_errors: 20,
  protocol_error_window_ms: 60_000,
  max_queue_bytes: 1_048_576,
};

/** The buckets of the specification, as far as their types belong to announced profiles. */
export function defaultRates(features: ReadonlySet<string>): Rate[] {
  const has = (type: string) => features.has(type);
  return [
    {
      bucket: 'messages',
      types: ['chat', ...['direct', 'broadcast', 'binary'].filter(has)],
      limit: 10,
      window_ms: 60_000,
      scope: 'user',
      close_after: 0,
    },
    {
      bucket: 'control',
      types: [
        'join',
        'leave',
        'members',
        'typing',
        ...(features.has('auth_refresh') ? ['auth'] : []),
        'ping',
      ],
      limit: 120,
      window_ms: 60_000,
      scope: 'connection',
      close_after: 0,
    },
  ];
}

const fail = (text: string): never => {
  throw new OptionError(text);
};

function integer(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  return fail(`${name} must be an integer of at least ${least}, not ${value}.`);
}

function resolveTokens(options: ServerOptions): TokenConfig | null {
  if (options.acceptsTokens === false) return null;
  const { secret = '', ...rest } = options.tokens ?? {};
  const config: TokenConfig = {
    algorithms: ['HS256'],
    publicKey: null,
    jwksUrl: null,
    issuer: null,
    audience: null,
    leewayMs: 0,
    ...rest,
    secret: typeof secret === 'string' ? new TextEncoder().encode(secret) : secret,
  };
  for (const alg of config.algorithms)
    if (!(algorithms as readonly string[]).includes(alg))
      fail(`The token algorithm must be one of ${algorithms.join(', ')}, not ${alg}.`);
  const hmac = config.algorithms.includes('HS256');
  if (hmac && config.algorithms.length > 1)
    fail('HS256 cannot be accepted beside another algorithm: a public key is no secret.');
  if (hmac && config.secret.length < 32)
    fail(`The token secret must be at least 32 bytes long, not ${config.secret.length}.`);
  if (!hmac && config.publicKey === null && config.jwksUrl === null)
    fail(`${config.algorithms.join(', ')} needs a public key or the URL of a key set.`);
  integer('The token leeway in milliseconds', config.leewayMs, 0);
  return config;
}

function resolveFeatures(options: ServerOptions): ReadonlySet<string> {
  const wanted: readonly string[] =
    options.features ?? allFeatures.filter((it) => it !== 'session' || options.sessions);
  const known: readonly string[] = allFeatures;
  for (const feature of wanted)
    if (!known.includes(feature))
      fail(`A feature must be one of ${known.join(', ')}, not ${feature}.`);
  if (wanted.includes('session') && !options.sessions)
    fail('The feature session needs a store of sessions.');
  return new Set(known.filter((it) => wanted.includes(it)));
}

function resolveOrigin(origin: string): string {
  const parsed = parseOrigin(origin);
  return (
    parsed ?? fail(`An allowed origin must be a scheme, a host and perhaps a port, not ${origin}.`)
  );
}

function resolveLimits(options: ServerOptions): Limits {
  const limits = { ...defaultLimits, ...options.limits };
  for (const [name, value] of Object.entries(limits)) integer(`The limit ${name}`, value, 1);
  if (limits.max_listed_members > MOST_LISTED)
    fail(
      `The limit max_listed_members must be at most ${MOST_LISTED}, not ${limits.max_listed_members}.`,
    );
  if (limits.max_message_bytes < limits.max_text_bytes + 1_024)
    fail(
      `The limit max_message_bytes must exceed max_text_bytes by at least 1024, but ${limits.max_message_bytes} does not exceed ${limits.max_text_bytes} so far.`,
    );
  if (limits.max_queue_bytes < limits.max_message_bytes + 1_024)
    fail(
      `The limit max_queue_bytes must exceed max_message_bytes by at least 1024, but ${limits.max_queue_bytes} does not exceed ${limits.max_message_bytes} so far.`,
    );
  return limits;
}

/** Completes the options with their defaults, and says what is wrong with them. */
export function resolveOptions(options: ServerOptions): Config {
  const features = resolveFeatures(options);
  const resume = { window_ms: 300_000, max_events: 1_000, ...options.resume };
  const heartbeat = { interval_ms: 30_000, timeout_ms: 10_000, ...options.heartbeat };
  const rates = options.rates ?? defaultRates(features);
  for (const rate of rates) {
    integer(`The limit of the bucket ${rate.bucket}`, rate.limit, 1);
    integer(`The window of the bucket ${rate.bucket}`, rate.window_ms, 1);
    integer(`The close_after of the bucket ${rate.bucket}`, rate.close_after, 0);
  }
  integer('The heartbeat interval in milliseconds', heartbeat.interval_ms, 50);
  integer('The heartbeat timeout in milliseconds', heartbeat.timeout_ms, 50);
  integer('The resume window in milliseconds', resume.window_ms, 1);
  integer('The number of events kept for resume', resume.max_events, 1);
  return {
    server: { name: 'parlor-reference', version },
    tokens: resolveTokens(options),
    path: options.path ?? '/ws',
    allowedOrigins: (options.allowedOrigins ?? []).map(resolveOrigin),
    features,
    sessionRevocationMs: integer('The revocation time', options.sessionRevocationMs ?? 5_000, 1),
    instance: options.instance ?? `instance-${Math.random().toString(36).slice(2, 10)}`,
    heartbeat,
    authTimeoutMs: integer('The authentication timeout', options.authTimeoutMs ?? 10_000, 1),
    graceMs: integer('The grace in milliseconds', options.graceMs ?? 10_000, 0),
    reconnectSpreadMs: integer('The reconnect spread', options.reconnectSpreadMs ?? 5_000, 0),
    limits: resolveLimits(options),
    rates,
    typingTtlMs: integer('The typing TTL in milliseconds', options.typingTtlMs ?? 6_000, 1),
    resume: features.has('resume') ? resume : null,
    dedupWindowMs: features.has('resume')
      ? integer('The deduplication window', options.dedupWindowMs ?? 120_000, 1)
      : null,
    deflate: options.deflate ?? false,
  };
}
