/** What a client does on its own after a close. */
export type CloseAction = 'none' | 'terminal' | 'credentials' | 'back_off' | 'at_once';

/** One row of the registry of close codes. */
interface CloseRow {
  readonly code: number;
  readonly name: string;
  /** The range that decides for clients that do not know the code. */
  readonly range: CloseRangeName;
  /** The first tokens a reason may have; empty: any reason, or none. */
  readonly reasons: readonly string[];
  /** The keys a reason carries after its token. */
  readonly parameters: readonly string[];
  readonly meaning: string;
  readonly action: CloseAction;
  /** What a client does, in words. */
  readonly client: string;
}

type CloseRangeName = 'rfc6455' | 'terminal' | 'back_off' | 'at_once' | 'unused' | 'private';

/** The ranges of close codes: what a client does with a code it does not know. */
export const closeRanges = [
  {
    name: 'rfc6455',
    from: 1000,
    to: 1015,
    action: 'back_off',
    client: 'as RFC 6455 has it: back off',
  },
  {
    name: 'terminal',
    from: 4000,
    to: 4099,
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  { name: 'back_off', from: 4100, to: 4199, action: 'back_off', client: 'back off' },
  {
    name: 'at_once',
    from: 4200,
    to: 4299,
    action: 'at_once',
    client: 'reconnect at once, with 0 to 1 s of jitter',
  },
  { name: 'unused', from: 4300, to: 4899, action: 'back_off', client: 'not used: back off' },
  {
    name: 'private',
    from: 4900,
    to: 4999,
    action: 'back_off',
    client: 'private to the application: back off',
  },
] as const satisfies readonly {
  name: CloseRangeName;
  from: number;
  to: number;
  action: CloseAction;
  client: string;
}[];

/** The registry of close codes, in ascending order. */
export const closes = [
  {
    code: 1000,
    name: 'normal',
    range: 'rfc6455',
    reasons: [],
    parameters: [],
    meaning: 'The connection has done its work.',
    action: 'none',
    client: 'nothing',
  },
  {
    code: 1001,
    name: 'going_away',
    range: 'rfc6455',
    reasons: ['server_shutdown'],
    parameters: [],
    meaning: 'The server goes away and does not invite its clients back.',
    action: 'back_off',
    client: 'back off, unless `server_shutdown` said `reconnect: false`',
  },
  {
    code: 1002,
    name: 'protocol_violation',
    range: 'rfc6455',
    reasons: [],
    parameters: [],
    meaning: 'A frame broke RFC 6455.',
    action: 'back_off',
    client: 'back off',
  },
  {
    code: 1007,
    name: 'invalid_utf8',
    range: 'rfc6455',
    reasons: [],
    parameters: [],
    meaning: 'A text message was not UTF-8.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 1009,
    name: 'too_big',
    range: 'rfc6455',
    reasons: [],
    parameters: [],
    meaning: 'A message was longer than `limits.max_message_bytes`.',
    action: 'back_off',
    client: 'back off, and never send that message again',
  },
  {
    code: 1011,
    name: 'internal_error',
    range: 'rfc6455',
    reasons: [],
    parameters: [],
    meaning: "The server failed, or its library's keepalive gave up.",
    action: 'back_off',
    client: 'back off',
  },
  {
    code: 1012,
    name: 'service_restart',
    range: 'rfc6455',
    reasons: ['server_restart'],
    parameters: ['retry_after_ms'],
    meaning: 'The server restarts and expects its clients back.',
    action: 'back_off',
    client: 'wait `retry_after_ms`, then reconnect',
  },
  {
    code: 4000,
    name: 'protocol_error',
    range: 'terminal',
    reasons: ['too_many_protocol_errors'],
    parameters: [],
    meaning: 'The budget of protocol errors is spent.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 4001,
    name: 'token',
    range: 'terminal',
    reasons: [
      'token_missing',
      'token_invalid',
      'token_expired',
      'token_revoked',
      'credentials_conflict',
      'auth_timeout',
      'auth_required',
      'subject_changed',
    ],
    parameters: [],
    meaning: 'The token does not authenticate this connection, or no longer does.',
    action: 'credentials',
    client: 'get another token first; on `token_expired` refresh silently and reconnect once',
  },
  {
    code: 4002,
    name: 'version_unsupported',
    range: 'terminal',
    reasons: ['version_unsupported'],
    parameters: [],
    meaning: 'None of the offered subprotocols is spoken here.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 4003,
    name: 'session',
    range: 'terminal',
    reasons: [
      'session_missing',
      'session_invalid',
      'session_expired',
      'session_revoked',
      'session_ambiguous',
    ],
    parameters: [],
    meaning: 'The session does not authenticate this connection, or no longer does.',
    action: 'credentials',
    client: 'log in again first',
  },
  {
    code: 4004,
    name: 'forbidden',
    range: 'terminal',
    reasons: ['user_disabled', 'not_allowed'],
    parameters: [],
    meaning: 'The user is known and may not connect.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 4005,
    name: 'connection_limit',
    range: 'terminal',
    reasons: ['connection_limit'],
    parameters: [],
    meaning: 'The user already has `limits.max_connections_per_user` connections.',
    action: 'terminal',
    client: 'do not reconnect until another connection of the user has closed',
  },
  {
    code: 4006,
    name: 'replaced',
    range: 'terminal',
    reasons: ['replaced'],
    parameters: [],
    meaning: 'Another connection of the user took the place of this one.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 4007,
    name: 'kicked',
    range: 'terminal',
    reasons: ['kicked'],
    parameters: [],
    meaning: 'An operator closed the connection.',
    action: 'terminal',
    client: 'do not reconnect unchanged',
  },
  {
    code: 4100,
    name: 'overloaded',
    range: 'back_off',
    reasons: ['overloaded'],
    parameters: ['retry_after_ms'],
    meaning: 'The server has no capacity for this connection at present.',
    action: 'back_off',
    client: 'back off, at least `retry_after_ms`',
  },
  {
    code: 4101,
    name: 'rate_limited',
    range: 'back_off',
    reasons: ['rate_limited'],
    parameters: ['retry_after_ms'],
    meaning: "The connection ran into `close_after` of a bucket's refusals.",
    action: 'back_off',
    client: 'back off, at least `retry_after_ms`',
  },
  {
    code: 4102,
    name: 'slow_consumer',
    range: 'back_off',
    reasons: ['slow_consumer'],
    parameters: [],
    meaning: 'More than `limits.max_queue_bytes` waited to be read.',
    action: 'back_off',
    client: 'back off, then resume',
  },
  {
    code: 4103,
    name: 'backend_unavailable',
    range: 'back_off',
    reasons: ['backend_unavailable'],
    parameters: [],
    meaning: 'The credentials could not be checked: a key set or store cannot be reached.',
    action: 'back_off',
    client: 'back off and keep the credentials',
  },
  {
    code: 4200,
    name: 'reconnect',
    range: 'at_once',
    reasons: ['reconnect'],
    parameters: [],
    meaning: 'The server asks for a new connection, for instance to balance its load.',
    action: 'at_once',
    client: 'reconnect at once',
  },
  {
    code: 4201,
    name: 'heartbeat_timeout',
    range: 'at_once',
    reasons: ['heartbeat_timeout'],
    parameters: [],
    meaning: 'The peer was silent for longer than the heartbeat allows.',
    action: 'at_once',
    client: 'reconnect at once',
  },
] as const satisfies readonly CloseRow[];

/** A registered close code. */
export type CloseCode = (typeof closes)[number]['code'];

/** A registered first token of a close reason. */
export type CloseReason = (typeof closes)[number]['reasons'][number];
