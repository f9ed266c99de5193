// The operator's choices: every number that `welcome` announces, read once from the environment.
const { env } = process;

function integer(name, fallback, least = 1, most = Number.MAX_SAFE_INTEGER) {
  const text = env[name] ?? '';
  if (text === '') return fallback;
  if (!/^\d{1,15}$/.test(text) || Number(text) < least || Number(text) > most)
    fail(`${name}: expected an integer from ${least} to ${most}, got '${text}'`);
  return Number(text);
}

function list(name) {
  return (env[name] ?? '').split(',').flatMap((each) => each.trim() || []);
}

function fail(sentence) {
  console.error(`examples/node: ${sentence}`);
  process.exit(1);
}

export const host = env.HOST || '127.0.0.1';
export const port = integer('PORT', 8000, 0);
export const token = {
  algorithm: env.PARLOR_TOKEN_ALGORITHM || 'HS256',
  secret: env.PARLOR_TOKEN_SECRET ?? '',
  publicKey: env.PARLOR_TOKEN_PUBLIC_KEY ?? '',
  issuer: env.PARLOR_TOKEN_ISSUER || undefined,
  audience: env.PARLOR_TOKEN_AUDIENCE || undefined,
  leewayMs: integer('PARLOR_TOKEN_LEEWAY_MS', 0, 0),
  accepted: env.PARLOR_TOKENS !== 'off',
};
export const origins = new Set(list('PARLOR_ALLOWED_ORIGINS'));
export const sessions = new Map(
  list('PARLOR_SESSIONS').map((each) => [
    each.slice(0, each.lastIndexOf('=')),
    each.slice(each.lastIndexOf('=') + 1),
  ]),
);
const lifetimeMs = integer('PARLOR_SESSION_LIFETIME_MS', 0, 0);
/** When sessions end, in milliseconds since the epoch; null: never. */
export const sessionsEnd = lifetimeMs ? Date.now() + lifetimeMs : null;

export const heartbeat = {
  interval_ms: integer('PARLOR_HEARTBEAT_INTERVAL_MS', 30_000),
  timeout_ms: integer('PARLOR_HEARTBEAT_TIMEOUT_MS', 10_000),
};
export const limits = {
  max_message_bytes: integer('PARLOR_MAX_MESSAGE_BYTES', 65_536),
  max_text_bytes: integer('PARLOR_MAX_TEXT_BYTES', 4_096),
  max_rooms: integer('PARLOR_MAX_ROOMS', 50),
  max_listed_members: integer('PARLOR_MAX_LISTED_MEMBERS', 1_000, 1, 1_000),
  max_connections_per_user: integer('PARLOR_MAX_CONNECTIONS_PER_USER', 10),
  max_protocol_errors: integer('PARLOR_MAX_PROTOCOL_ERRORS', 20),
  protocol_error_window_ms: integer('PARLOR_PROTOCOL_ERROR_WINDOW_MS', 60_000),
  max_queue_bytes: integer('PARLOR_MAX_QUEUE_BYTES', 1_048_576),
};
export const typingTtlMs = integer('PARLOR_TYPING_TTL_MS', 6_000);
export const graceMs = integer('PARLOR_GRACE_MS', 10_000, 0);
export const revocationMs = 1_000;

const spoken = [...(sessions.size > 0 ? ['session'] : []), 'operations'];
export const features = env.PARLOR_FEATURES
  ? spoken.filter((each) => list('PARLOR_FEATURES').includes(each))
  : spoken;

const bucket = (name, types, scope, limit) => ({
  bucket: name,
  types,
  limit: integer(`PARLOR_${name.toUpperCase()}_LIMIT`, limit),
  window_ms: integer(`PARLOR_${name.toUpperCase()}_WINDOW_MS`, 60_000),
  scope,
  close_after: integer(`PARLOR_${name.toUpperCase()}_CLOSE_AFTER`, 0, 0),
});
export const rates = [
  bucket('messages', ['chat'], 'user', 10),
  bucket('control', ['join', 'leave', 'members', 'typing', 'ping'], 'connection', 120),
];

if (limits.max_message_bytes < limits.max_text_bytes + 1_024)
  fail('PARLOR_MAX_MESSAGE_BYTES: expected at least PARLOR_MAX_TEXT_BYTES + 1024');
if (limits.max_queue_bytes < limits.max_message_bytes + 1_024)
  fail('PARLOR_MAX_QUEUE_BYTES: expected at least PARLOR_MAX_MESSAGE_BYTES + 1024');
if (token.accepted && env.PARLOR_TOKEN_JWKS_URL)
  fail('PARLOR_TOKEN_JWKS_URL: expected unset, because this server fetches no key sets');
if (token.accepted && !(token.algorithm === 'HS256' ? token.secret : token.publicKey))
  fail(`expected the key of ${token.algorithm} in PARLOR_TOKEN_SECRET or PARLOR_TOKEN_PUBLIC_KEY`);
