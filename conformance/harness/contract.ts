/** Environment variables of a started server. */
export type Env = Readonly<Record<string, string>>;

/** One variable of the test contract. */
export interface Variable {
  name: string;
  type: 'string' | 'integer' | 'milliseconds' | 'bytes' | 'list' | 'url' | 'pem' | 'path';
  /** What the runner passes when nothing else is said; null: passed only where it applies. */
  default: string | null;
  meaning: string;
}

/**
 * The test contract: what the runner passes to a server that it starts.
 * The times are short, and distinct so that a close names its own cause.
 */
export const contract = [
  {
    name: 'PORT',
    type: 'integer',
    default: null,
    meaning: 'TCP port to listen on, chosen by the runner',
  },
  { name: 'HOST', type: 'string', default: '127.0.0.1', meaning: 'address to listen on' },
  {
    name: 'PARLOR_TOKEN_ALGORITHM',
    type: 'string',
    default: 'HS256',
    meaning: 'the one accepted JWT algorithm: HS256, RS256, ES256 or EdDSA',
  },
  {
    name: 'PARLOR_TOKEN_SECRET',
    type: 'string',
    default: null,
    meaning: 'shared secret, for HS256, drawn anew for each run: its UTF-8 bytes are the key',
  },
  {
    name: 'PARLOR_TOKEN_PUBLIC_KEY',
    type: 'pem',
    default: null,
    meaning: 'public key, for asymmetric algorithms',
  },
  {
    name: 'PARLOR_TOKEN_JWKS_URL',
    type: 'url',
    default: null,
    meaning: 'key set to fetch, in place of the public key',
  },
  {
    name: 'PARLOR_TOKEN_ISSUER',
    type: 'string',
    default: 'https://issuer.test',
    meaning: 'the only accepted `iss`',
  },
  {
    name: 'PARLOR_TOKEN_AUDIENCE',
    type: 'string',
    default: 'parlor-test',
    meaning: 'the `aud` that a token has to contain',
  },
  {
    name: 'PARLOR_TOKEN_LEEWAY_MS',
    type: 'milliseconds',
    default: '0',
    meaning: 'tolerance for `exp` and `nbf`',
  },
  {
    name: 'PARLOR_TOKENS',
    type: 'string',
    default: null,
    meaning:
      '`off`: no token is accepted, so that a session is the only credential; no check sends one then',
  },
  {
    name: 'PARLOR_ALLOWED_ORIGINS',
    type: 'list',
    default: 'https://app.test,https://app.test:8443',
    meaning: 'allowed `Origin` values, comma-separated',
  },
  {
    name: 'PARLOR_SESSIONS',
    type: 'list',
    default: null,
    meaning: 'valid session cookies as `value=user`, comma-separated; neither holds `=` or `,`',
  },
  {
    name: 'PARLOR_SESSION_LIFETIME_MS',
    type: 'milliseconds',
    default: null,
    meaning: 'how long those sessions last from the start of the server; absent: for ever',
  },
  {
    name: 'PARLOR_FEATURES',
    type: 'list',
    default: null,
    meaning: 'profiles to announce, comma-separated; absent: all that the server has',
  },
  {
    name: 'PARLOR_HEARTBEAT_INTERVAL_MS',
    type: 'milliseconds',
    default: '400',
    meaning: 'longest time between two WebSocket Pings to a connection',
  },
  {
    name: 'PARLOR_HEARTBEAT_TIMEOUT_MS',
    type: 'milliseconds',
    default: '300',
    meaning: 'how long after a Ping a silent connection is kept',
  },
  {
    name: 'PARLOR_AUTH_TIMEOUT_MS',
    type: 'milliseconds',
    default: '500',
    meaning: 'how long first-message authentication waits for `auth`',
  },
  {
    name: 'PARLOR_GRACE_MS',
    type: 'milliseconds',
    default: '1000',
    meaning: 'how long a draining server keeps its connections',
  },
  {
    name: 'PARLOR_MAX_MESSAGE_BYTES',
    type: 'bytes',
    default: '65536',
    meaning: '`limits.max_message_bytes`',
  },
  {
    name: 'PARLOR_MAX_TEXT_BYTES',
    type: 'bytes',
    default: '4096',
    meaning: '`limits.max_text_bytes`',
  },
  { name: 'PARLOR_MAX_ROOMS', type: 'integer', default: '50', meaning: '`limits.max_rooms`' },
  {
    name: 'PARLOR_MAX_LISTED_MEMBERS',
    type: 'integer',
    default: '1000',
    meaning: '`limits.max_listed_members`',
  },
  {
    name: 'PARLOR_MAX_CONNECTIONS_PER_USER',
    type: 'integer',
    default: '10',
    meaning: '`limits.max_connections_per_user`',
  },
  {
    name: 'PARLOR_MAX_PROTOCOL_ERRORS',
    type: 'integer',
    default: '20',
    meaning: '`limits.max_protocol_errors`',
  },
  {
    name: 'PARLOR_PROTOCOL_ERROR_WINDOW_MS',
    type: 'milliseconds',
    default: '60000',
    meaning: '`limits.protocol_error_window_ms`',
  },
  {
    name: 'PARLOR_MAX_QUEUE_BYTES',
    type: 'bytes',
    default: '1048576',
    meaning: '`limits.max_queue_bytes`',
  },
  {
    name: 'PARLOR_MESSAGES_LIMIT',
    type: 'integer',
    default: '10',
    meaning: '`limit` of the bucket `messages`',
  },
  {
    name: 'PARLOR_MESSAGES_WINDOW_MS',
    type: 'milliseconds',
    default: '1500',
    meaning: '`window_ms` of the bucket `messages`',
  },
  {
    name: 'PARLOR_MESSAGES_CLOSE_AFTER',
    type: 'integer',
    default: '0',
    meaning: '`close_after` of the bucket `messages`; 0: never',
  },
  {
    name: 'PARLOR_CONTROL_LIMIT',
    type: 'integer',
    default: '120',
    meaning: '`limit` of the bucket `control`',
  },
  {
    name: 'PARLOR_CONTROL_WINDOW_MS',
    type: 'milliseconds',
    default: '60000',
    meaning: '`window_ms` of the bucket `control`',
  },
  {
    name: 'PARLOR_CONTROL_CLOSE_AFTER',
    type: 'integer',
    default: '0',
    meaning: '`close_after` of the bucket `control`; 0: never',
  },
  {
    name: 'PARLOR_TYPING_TTL_MS',
    type: 'milliseconds',
    default: '700',
    meaning: '`typing_ttl_ms`',
  },
  {
    name: 'PARLOR_RESUME_WINDOW_MS',
    type: 'milliseconds',
    default: null,
    meaning: '`resume.window_ms`',
  },
  {
    name: 'PARLOR_RESUME_MAX_EVENTS',
    type: 'integer',
    default: null,
    meaning: '`resume.max_events`',
  },
  {
    name: 'PARLOR_DEDUP_WINDOW_MS',
    type: 'milliseconds',
    default: null,
    meaning: '`dedup_window_ms`',
  },
  { name: 'PARLOR_REDIS_URL', type: 'url', default: null, meaning: "the cluster's broker" },
  {
    name: 'PARLOR_INSTANCE',
    type: 'string',
    default: null,
    meaning: "this instance's name in a cluster",
  },
  {
    name: 'PARLOR_PRESENCE_TTL_MS',
    type: 'milliseconds',
    default: null,
    meaning: '`presence_ttl_ms`, for an instance of a cluster',
  },
  {
    name: 'PARLOR_DEFLATE',
    type: 'string',
    default: 'on',
    meaning:
      '`on`: a server that can, negotiates permessage-deflate where it is offered; `off`: never',
  },
  {
    name: 'PARLOR_LOG',
    type: 'string',
    default: null,
    meaning: 'where log lines go: `stdout` or a file; absent: as the server likes',
  },
] as const satisfies readonly Variable[];

/** The name of a variable of the contract. */
export type VariableName = (typeof contract)[number]['name'];

/** Contract variables to set on top of the defaults; undefined takes one away. */
export type Overrides = Partial<Record<VariableName, string | undefined>>;

/** What the runner passes for a variable when nothing else is said; null: nothing. */
export function usual(variable: VariableName): string | null {
  return contract.find(({ name }) => name === variable)?.default ?? null;
}

/** What is counted on of a room's history where the contract passes nothing: so many events, for so many milliseconds. */
export const HISTORY = { events: 40, ms: 10_000 } as const;

/** The environment of a started server: the contract's defaults, then the given layers, the last one winning. */
export function environment(...layers: readonly Overrides[]): Env {
  const env: Record<string, string> = {};
  for (const row of contract) if (row.default !== null) env[row.name] = row.default;
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
  }
  return env;
}
