import { watchExpiry } from '#server/authentication.js';
import { perform } from '#server/perform.js';
import type { Connection, Core, Effect, Grant, Incoming } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { peek } from './signatures.js';

/** An `auth` that was decided. */
export interface Refresh {
  core: Core;
  connection: Connection;
  incoming: Incoming;
  /** What the connection might do before. */
  old: Grant;
  effects: readonly Effect[];
}

/** A server that does something else after an `auth` was decided. */
export const after =
  (change: (refresh: Refresh) => readonly Effect[] | undefined): Mutant['parts'] =>
  ({ steps }) => ({
    steps: {
      auth: async (core, connection, incoming) => {
        const old = connection.grant;
        const effects = (await steps['auth']?.(core, connection, incoming)) ?? [];
        return change({ core, connection, incoming, old, effects }) ?? effects;
      },
    },
  });

/** Whether the `auth` was answered with an error. */
export const failed = (effects: readonly Effect[]) =>
  effects.some((effect) => effect.do === 'send' && effect.message.type === 'error');

const closing = { code: 4001, reason: 'token_expired' };

/** Takes the timers of a connection off again. */
export function disarm({ core, connection }: Pick<Refresh, 'core' | 'connection'>): void {
  for (const alarm of connection.alarms.splice(0)) core.agenda.cancel(alarm);
}

/** Gives a connection other rights, and sets its timers by them. */
export function regrant(core: Core, connection: Connection, change: Partial<Grant>): void {
  connection.grant = { ...connection.grant, ...change };
  watchExpiry(core, connection, core.now());
}

const taken: readonly Mutant[] = [
  mutant(
    'authentication-refresh-acked',
    'refresh-not-acked',
    'A new token is taken without a word.',
    after(({ effects }) =>
      effects.filter((effect) => effect.do !== 'send' || effect.message.type !== 'ack'),
    ),
  ),
  mutant(
    'authentication-refresh-acked',
    'refresh-acked-with-old-expiry',
    'The ack tells the expiry of the old token.',
    after(({ effects, old }) =>
      effects.map((effect) =>
        effect.do === 'send' && effect.message.type === 'ack'
          ? {
              do: 'send',
              message: {
                ...effect.message,
                data: { expires_at: new Date(old.expiresAt ?? 0).toISOString() },
              },
            }
          : effect,
      ),
    ),
  ),
  mutant(
    'authentication-refresh-acked',
    'refresh-acked-in-whole-seconds',
    'The ack drops the fraction of the new exp.',
    after(({ effects }) =>
      effects.map((effect) => {
        if (effect.do !== 'send' || effect.message.type !== 'ack') return effect;
        const whole = String(effect.message.data['expires_at']).replace(/\.\d+Z$/, '.000Z');
        return { do: 'send', message: { ...effect.message, data: { expires_at: whole } } };
      }),
    ),
  ),
  mutant(
    'authentication-refresh-extends',
    'refresh-old-timer-kept',
    'The timer of the old token fires although a new one was taken.',
    after(({ core, connection, old }) => {
      const left = (old.expiresAt ?? 0) - Date.now();
      core.agenda.in(left, () => perform(core, connection, [{ do: 'close', closing }]));
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-extends',
    'refresh-session-timer-kept',
    'The timer of the session fires although a token has replaced it.',
    after(({ core, connection, old, effects }) => {
      if (old.method !== 'session' || old.expiresAt === null || failed(effects)) return undefined;
      const ended = { code: 4003, reason: 'session_expired' };
      const left = old.expiresAt - Date.now();
      core.agenda.in(left, () => perform(core, connection, [{ do: 'close', closing: ended }]));
      return undefined;
    }),
  ),
  mutant(
    'authentication-far-expiry-kept',
    'refresh-31-bits',
    'A timer that an auth sets for more than 24.8 days fires at once.',
    after(({ core, connection, effects }) => {
      const left = (connection.grant.expiresAt ?? 0) - Date.now();
      if (!failed(effects) && left >= 2 ** 31)
        core.agenda.in(1, () => perform(core, connection, [{ do: 'close', closing }]));
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-expires',
    'refresh-no-new-timer',
    'The old timer is stopped, and no new one is set.',
    after(({ core, connection }) => {
      disarm({ core, connection });
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-expires',
    'refresh-of-session-endless',
    'A connection that came with a session is not closed for the expiry of a token.',
    after(({ core, connection, old, effects }) => {
      if (old.method === 'session' && !failed(effects)) {
        disarm({ core, connection });
        connection.grant = { ...connection.grant, method: 'session' };
      }
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-expires',
    'refresh-unacked-sets-no-timer',
    'The new timer is set with the ack, and so not where an auth has no id.',
    after(({ core, connection, incoming }) => {
      if (incoming.request.id === undefined) disarm({ core, connection });
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-expires',
    'refresh-only-later',
    'A new token that ends earlier does not shorten the time.',
    after(({ core, connection, old }) => {
      const expiresAt = Math.max(old.expiresAt ?? 0, connection.grant.expiresAt ?? 0);
      regrant(core, connection, { expiresAt });
      return undefined;
    }),
  ),
];

// A server for which two users are one whose names become the same.
const comparing =
  (read: (name: string) => string): Mutant['parts'] =>
  ({ authentication }) => ({
    authentication: {
      sameUser: (one, other) =>
        authentication.sameUser(
          { ...one, user: read(one.user) },
          { ...other, user: read(other.user) },
        ),
    },
  });

const refused: readonly Mutant[] = [
  mutant(
    'authentication-refresh-rejected',
    'refresh-refused-as-forbidden',
    'A refused token is answered with another code.',
    ({ errors }) => ({
      errors: {
        message: (core, request, code, ...rest) =>
          errors.message(core, request, code === 'auth_failed' ? 'forbidden' : code, ...rest),
      },
    }),
  ),
  mutant(
    'authentication-refresh-rejected',
    'refresh-refused-closes',
    'A refused token closes the connection.',
    after(({ effects }) =>
      failed(effects)
        ? [{ do: 'close', closing: { code: 4001, reason: 'token_invalid' } }]
        : effects,
    ),
  ),
  mutant(
    'authentication-refresh-rejected-changes-nothing',
    'refresh-refused-user-taken',
    'The user of a refused token is taken over.',
    after(({ connection, incoming, effects }) => {
      const sub = peek(String(incoming.request.data['token']))?.['sub'];
      if (failed(effects) && typeof sub === 'string')
        connection.grant = { ...connection.grant, user: sub };
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-rejected-changes-nothing',
    'refresh-refused-expiry-taken',
    'The expiry of a refused token is taken over.',
    after(({ core, connection, incoming, effects }) => {
      const exp = peek(String(incoming.request.data['token']))?.['exp'];
      if (failed(effects) && typeof exp === 'number')
        regrant(core, connection, { expiresAt: exp * 1000 });
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-rejected-changes-nothing',
    'refresh-refused-stops-timer',
    'The timer of the old token is stopped before the new one is looked at.',
    after(({ core, connection, effects }) => {
      if (failed(effects)) disarm({ core, connection });
      return undefined;
    }),
  ),
  mutant(
    'authentication-refresh-subject-changed',
    'refresh-any-user',
    'The token of another user is taken.',
    () => ({ authentication: { sameUser: () => true } }),
  ),
  mutant(
    'authentication-refresh-subject-changed',
    'refresh-user-any-case',
    'Users are compared without case.',
    comparing((name) => name.toLowerCase()),
  ),
  mutant(
    'authentication-refresh-subject-changed',
    'refresh-user-as-number',
    'Users whose names are numbers are compared as numbers.',
    comparing((name) => (Number.isNaN(Number(name)) ? name : String(Number(name)))),
  ),
  mutant(
    'authentication-refresh-subject-changed',
    'refresh-user-composed',
    'Users are compared in normal form C.',
    comparing((name) => name.normalize('NFC')),
  ),
  mutant(
    'authentication-refresh-subject-changed',
    'refresh-other-user-error',
    'The token of another user is answered with an error.',
    ({ steps, errors }) => ({
      steps: {
        auth: async (core, connection, incoming) => {
          const effects = (await steps['auth']?.(core, connection, incoming)) ?? [];
          if (!effects.some(({ do: what }) => what === 'close')) return effects;
          const { request, at } = incoming;
          const message = errors.message(core, request, 'auth_failed', 'Another user.', {}, at);
          return message ? [{ do: 'send', message }] : [];
        },
      },
    }),
  ),
];

const narrowed: readonly Mutant[] = [
  mutant(
    'authentication-refresh-narrows-rooms',
    'refresh-rooms-kept',
    'A connection stays in rooms that its new token does not allow.',
    () => ({ authentication: { narrowed: () => [] } }),
  ),
  mutant(
    'authentication-refresh-narrows-rooms',
    'refresh-rooms-left-silently',
    'The others are told another reason.',
    ({ rooms }) => ({
      rooms: {
        leaveEvent: (room, user, reason, at) =>
          rooms.leaveEvent(room, user, reason === 'unauthorized' ? 'left' : reason, at),
      },
    }),
  ),
  mutant(
    'authentication-refresh-narrows-rooms',
    'refresh-user-taken-out',
    'The others are told of a leave although the user has another connection in the room.',
    () => ({ rooms: { announcesLeave: () => true } }),
  ),
  mutant(
    'authentication-refresh-narrowing-told',
    'refresh-narrowing-untold',
    'Who is taken out of a room is not told.',
    after(({ effects }) =>
      effects.filter((effect) => effect.do !== 'send' || effect.message.type !== 'leave'),
    ),
  ),
  mutant(
    'authentication-refresh-narrowing-told',
    'refresh-narrowing-still-hears',
    'Who is taken out of a room goes on to hear it.',
    after(({ effects }) => effects.filter((effect) => effect.do !== 'leave')),
  ),
];

// Warns twice more, a moment after the first time.
function warnAgain(core: Core, grant: Grant, delay: number): void {
  for (const later of [50, 100])
    core.agenda.in(delay + later, () => {
      for (const connection of core.connections.values()) {
        if (connection.grant !== grant) continue;
        const { wall } = core.now();
        const data = {
          expires_at: new Date(grant.expiresAt ?? 0).toISOString(),
          in_ms: Math.max(0, Math.round((grant.expiresAt ?? 0) - wall)),
        };
        const timestamp = new Date(wall).toISOString();
        perform(core, connection, [
          { do: 'send', message: { type: 'auth_expiring', timestamp, data } },
        ]);
      }
    });
}

const warned: readonly Mutant[] = [
  mutant(
    'authentication-expiry-warned',
    'expiry-unwarned',
    'A connection is closed for expiry without a warning.',
    () => ({ authentication: { warnsIn: () => null } }),
  ),
  mutant(
    'authentication-expiry-warned',
    'expiry-warned-first-token-only',
    'A connection that was warned once is not warned of the expiry of its next token.',
    ({ steps }) => ({
      steps: {
        auth: async (core, connection, incoming) => {
          const [warning] = connection.alarms;
          const warned = warning?.run === null;
          const effects = (await steps['auth']?.(core, connection, incoming)) ?? [];
          if (warned && !failed(effects)) core.agenda.cancel(connection.alarms[0]);
          return effects;
        },
      },
    }),
  ),
  mutant(
    'authentication-expiry-warned-once',
    'expiry-warned-after-refusal',
    'An auth that is refused sets the alarm of the warning anew.',
    after(({ core, connection, effects }) => {
      if (failed(effects)) watchExpiry(core, connection, core.now());
      return undefined;
    }),
  ),
  mutant(
    'authentication-expiry-warned-once',
    'expiry-warned-repeatedly',
    'The warning is repeated until the close.',
    (right) => ({
      authentication: {
        warnsIn: (grant, core, at) => {
          const delay = right.authentication.warnsIn(grant, core, at);
          if (delay !== null) warnAgain(core, grant, delay);
          return delay;
        },
      },
    }),
  ),
];

/** Faults in the renewal of a token on an open connection. */
export const refresh: readonly Mutant[] = [...taken, ...refused, ...narrowed, ...warned];
