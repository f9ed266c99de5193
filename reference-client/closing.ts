import { type CloseAction, closeRanges, closes } from '#schemas/closes.js';

/** How a connection ended; 1005 and 1006 where no code came. */
export interface End {
  readonly code: number;
  readonly reason: string;
}

/** What is known when a connection ends. */
export interface Situation {
  /** The last `server_shutdown` of the connection. */
  readonly notice: Notice | undefined;
  /** There is a source of tokens. */
  readonly canRenew: boolean;
  /** The connection was the first with a token just obtained. */
  readonly fresh: boolean;
  readonly welcomed: boolean;
  /** An immediate reconnect was made, and no connection has been well since. */
  readonly atOnceSpent: boolean;
}

/** What a `server_shutdown` asks of a client. */
export interface Notice {
  readonly reconnect: boolean;
  readonly retryAfter: number;
}

/** What to do next; `retryAfter` is the server's wait in milliseconds, 0 for none. */
export interface Next {
  readonly action: 'stop' | 'renew' | 'at_once' | 'back_off';
  readonly retryAfter: number;
}

const REASON = /^[a-z0-9_]+(;[a-z0-9_]+=[A-Za-z0-9_.-]+)*$/;

/** What a client does after the end of a connection. */
export function afterEnd(end: End, situation: Situation): Next {
  const { notice } = situation;
  const retryAfter = Math.max(notice?.retryAfter ?? 0, retryAfterOf(end.reason));
  if (notice?.reconnect === false) return { action: 'stop', retryAfter };
  if (renews(end, situation)) return { action: 'renew', retryAfter };
  const action = ACTIONS[actionOf(end.code)];
  const spent = action === 'at_once' && situation.atOnceSpent;
  return { action: spent ? 'back_off' : action, retryAfter };
}

/** The `retry_after_ms` of a close reason in milliseconds; 0 when it has none, or breaks the grammar. */
export function retryAfterOf(reason: string): number {
  if (!REASON.test(reason)) return 0;
  const value = /;retry_after_ms=([0-9]+)(;|$)/.exec(reason)?.[1];
  return value !== undefined && Number.isSafeInteger(Number(value)) ? Number(value) : 0;
}

const ACTIONS = {
  none: 'stop',
  terminal: 'stop',
  credentials: 'stop',
  at_once: 'at_once',
  back_off: 'back_off',
} as const satisfies Record<CloseAction, Next['action']>;

function renews({ code, reason }: End, { canRenew, fresh, welcomed }: Situation): boolean {
  if (code !== 4001 || reason.split(';')[0] !== 'token_expired') return false;
  return canRenew && (welcomed || !fresh);
}

// From 4000 on the range decides, and not whether the code is known.
function actionOf(code: number): CloseAction {
  const rows: readonly { code: number; action: CloseAction }[] = closes;
  const known = code < 4000 ? rows.find((row) => row.code === code) : undefined;
  const range = closeRanges.find(({ from, to }) => from <= code && code <= to);
  return known?.action ?? range?.action ?? 'back_off';
}
