/** One row of the registry of error codes. */
interface ErrorRow {
  /** The wire token, in `data.code`. */
  readonly code: string;
  /** Step in the order of precedence (spec/errors.md, Order): of the errors that apply, the lowest is reported. */
  readonly order: number;
  /** Whether the same request may succeed later, unchanged; `data.retryable` repeats it. */
  readonly retryable: boolean;
  /** Whether it counts against `limits.max_protocol_errors`. */
  readonly protocolError: boolean;
  /** When a server answers with it. */
  readonly when: string;
}

/** The registry of error codes, in the order of precedence. */
export const errors = [
  {
    code: 'invalid_json',
    order: 4,
    retryable: false,
    protocolError: true,
    when: 'The message is not JSON, or not I-JSON, or nested deeper than the server reads.',
  },
  {
    code: 'invalid_envelope',
    order: 5,
    retryable: false,
    protocolError: true,
    when: 'The JSON is not an object, or `type` is missing, or `type`, `data`, `id` or `room` breaks its constraint, or a binary message has no readable header.',
  },
  {
    code: 'unknown_type',
    order: 6,
    retryable: false,
    protocolError: true,
    when: 'The `type` is not registered for clients, nor documented by the application.',
  },
  {
    code: 'unsupported',
    order: 7,
    retryable: false,
    protocolError: true,
    when: 'The message or frame belongs to a profile that the server did not announce.',
  },
  {
    code: 'shutting_down',
    order: 8,
    retryable: true,
    protocolError: false,
    when: 'The request arrived after `server_shutdown` and is not executed.',
  },
  {
    code: 'invalid_payload',
    order: 9,
    retryable: false,
    protocolError: true,
    when: 'A member of `data` is missing or breaks its constraint, or `room` is missing; `path` points at it.',
  },
  {
    code: 'duplicate_id',
    order: 10,
    retryable: false,
    protocolError: false,
    when: 'The user sent this `id` within `dedup_window_ms` with other content.',
  },
  {
    code: 'rate_limited',
    order: 11,
    retryable: true,
    protocolError: false,
    when: 'The bucket of this type is full; `bucket`, `limit` and `retry_after_ms` say which, how large and for how long.',
  },
  {
    code: 'forbidden',
    order: 12,
    retryable: false,
    protocolError: false,
    when: 'The token does not allow this room or this operation.',
  },
  {
    code: 'room_not_found',
    order: 13,
    retryable: false,
    protocolError: false,
    when: 'The server does not create rooms on `join`, and this one does not exist.',
  },
  {
    code: 'room_full',
    order: 14,
    retryable: true,
    protocolError: false,
    when: 'The room admits no further member.',
  },
  {
    code: 'too_many_rooms',
    order: 14,
    retryable: false,
    protocolError: false,
    when: 'The connection is in `limits.max_rooms` rooms.',
  },
  {
    code: 'not_in_room',
    order: 15,
    retryable: false,
    protocolError: false,
    when: 'The connection is not a member of the room that the request names.',
  },
  {
    code: 'recipient_unavailable',
    order: 16,
    retryable: false,
    protocolError: false,
    when: 'The recipient of a `direct` is unknown or has no open connection.',
  },
  {
    code: 'backend_unavailable',
    order: 17,
    retryable: true,
    protocolError: false,
    when: 'A store or broker that the request needs cannot be reached.',
  },
  {
    code: 'auth_failed',
    order: 18,
    retryable: false,
    protocolError: false,
    when: 'The token of an `auth` on an authenticated connection is refused; nothing changes.',
  },
  {
    code: 'internal_error',
    order: 18,
    retryable: true,
    protocolError: false,
    when: 'The server failed; the request may or may not have taken effect.',
  },
] as const satisfies readonly ErrorRow[];

/** A registered error code. */
export type ErrorCode = (typeof errors)[number]['code'];
