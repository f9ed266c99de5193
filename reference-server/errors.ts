import { type ErrorCode, errors as registry } from '#schemas/errors.js';
import type { Instant } from './clock.js';
import type { Config } from './options.js';
import type { Connection, Core, Effect, Outgoing, Request } from './state.js';

const rows = new Map(registry.map((row) => [row.code as ErrorCode, row]));

/** What an error says beside its code and message. */
export interface Details {
  readonly path?: string;
  readonly limit?: number;
  readonly bucket?: string;
  readonly retry_after_ms?: number;
}

/** The decisions of the chapter `errors`. */
export interface ErrorsParts {
  /** The `error` that answers a request; it has `ref` and `room` as far as they are known. */
  message(
    core: Core,
    request: Request,
    code: ErrorCode,
    text: string,
    details: Details,
    at: Instant,
  ): Outgoing | null;
  /** Whether the code counts against the budget of protocol errors. */
  counts(code: ErrorCode): boolean;
  /** Enters one protocol error; whether the budget of the window is spent by it. */
  spend(connection: Connection, limits: Config['limits'], at: Instant): boolean;
  /** Whether the connection is told the error that spends its budget. */
  tellsLast: boolean;
  /** How a connection ends whose budget is spent. */
  readonly closing: { readonly code: number; readonly reason: string };
}

/** As the specification has it. */
export const errors: ErrorsParts = {
  message(core, request, code, text, details, at) {
    return core.parts.messages.reply(
      request,
      'error',
      { code, message: oneLine(text), retryable: rows.get(code)?.retryable ?? false, ...details },
      at,
    );
  },

  counts: (code) => rows.get(code)?.protocolError ?? false,

  spend(connection, limits, at) {
    const since = at.steady - limits.protocol_error_window_ms;
    const recent = (connection.faults ?? []).filter((time) => time > since);
    recent.push(at.steady);
    connection.faults = recent;
    return recent.length >= limits.max_protocol_errors;
  },

  tellsLast: true,
  closing: { code: 4000, reason: 'too_many_protocol_errors' },
};

/** What ends a request in an error: the reply and, once the budget is spent, the close. */
export function refuse(
  core: Core,
  connection: Connection,
  request: Request,
  at: Instant,
  code: ErrorCode,
  text: string,
  details: Details = {},
): Effect[] {
  const { errors: parts } = core.parts;
  const spent = parts.counts(code) && parts.spend(connection, core.config.limits, at);
  const effects: Effect[] = [];
  const message = parts.message(core, request, code, text, details, at);
  if (message && (!spent || parts.tellsLast)) effects.push({ do: 'send', message });
  if (spent) effects.push({ do: 'close', closing: parts.closing });
  return effects;
}

/** A sentence as an error may carry it: one line of at most 200 characters. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/gu, ' ').toWellFormed();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`.toWellFormed();
}
