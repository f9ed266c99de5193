/** How a connection ended; 1005 and 1006 where no code came. */
export interface End {
  readonly code: number;
  readonly reason: string;
}

/** What a `server_shutdown` asks of a client. */
export interface Notice {
  readonly reconnect: boolean;
  /** How long to stay away after the end of the connection, in milliseconds. */
  readonly retryAfter: number;
}

/** What is known when a connection ends. "Well" is a connection that lasted 10 s after `welcome`. */
export interface Situation {
  /** The last `server_shutdown` of the connection. */
  readonly notice: Notice | undefined;
  /** There is a source of tokens. */
  readonly canRenew: boolean;
  /** A token was renewed, and no connection has been welcomed since. */
  readonly fresh: boolean;
  /** A token was renewed at once, and no connection has been well since. */
  readonly renewalSpent: boolean;
  /** An immediate reconnect was made, and no connection has been well since. */
  readonly atOnceSpent: boolean;
}

/** What to do next; `retryAfter` is the server's wait in milliseconds, 0 for none. */
export interface Next {
  readonly action: Action;
  readonly retryAfter: number;
}

type Action = 'stop' | 'renew' | 'at_once' | 'back_off';

/** What a client does after a close code, by ranges; after any other it backs off. */
export const answers: readonly { from: number; to: number; action: Action }[] = [
  { from: 1000, to: 1000, action: 'stop' },
  { from: 1007, to: 1007, action: 'stop' },
  { from: 4000, to: 4099, action: 'stop' },
  { from: 4200, to: 4299, action: 'at_once' },
];

/** What a client does after the end of a connection. */
export function afterEnd(end: End, situation: Situation): Next {
  const { notice } = situation;
  const retryAfter = Math.max(notice?.retryAfter ?? 0, retryAfterOf(end.reason));
  return { action: actionAfter(end, situation), retryAfter };
}

function actionAfter({ code, reason }: End, situation: Situation): Action {
  const { notice, canRenew, fresh, renewalSpent, atOnceSpent } = situation;
  if (notice?.reconnect === false) return 'stop';
  if (code === 4001 && reason.split(';')[0] === 'token_expired' && canRenew) {
    if (fresh) return 'stop';
    return renewalSpent ? 'back_off' : 'renew';
  }
  const action = answers.find(({ from, to }) => from <= code && code <= to)?.action ?? 'back_off';
  return action === 'at_once' && atOnceSpent ? 'back_off' : action;
}

const REASON = /^[a-z0-9_]+(;[a-z0-9_]+=[A-Za-z0-9_.-]+)*$/;

/** The `retry_after_ms` of a close reason in milliseconds; 0 when it has none, or breaks the grammar. */
export function retryAfterOf(reason: string): number {
  if (!REASON.test(reason)) return 0;
  const value = Number(/;retry_after_ms=([0-9]+)(;|$)/.exec(reason)?.[1] ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}
