import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { OpenOptions, Stage } from '#conformance/harness/stage.js';
import { Violation } from '#conformance/harness/verdict.js';
import { CLOSE_WITHIN_MS, inTime, lasting, soon, untilEnd } from './authentication.lifetime.js';
import { closed, decided, opened, welcomed } from './openings.js';

/** A session of the target: the value of its cookie, and its user. */
export interface Session {
  value: string;
  user: string;
}

/** What a check needs that signs in with a session. */
export const needs = ['session', 'origins'] as const;

/** A handshake with these cookies, as a browser of an allowed page sends them. */
export const sending = (t: Stage, cookie: string): OpenOptions => {
  const [origin = ''] = t.origins;
  return { cookie, origin: origin === '*' ? 'https://app.test' : origin };
};

/** The cookie of a session. */
export const cookieOf = ({ value }: Session) => `session_token=${value}`;

/** A handshake with these cookies that has to end in 4003; `what` they are, in words. */
export const refused = (t: Stage, cookie: string, reason: string | RegExp, what: string) =>
  closed(t, sending(t, cookie), 4003, reason, what);

// A server of its own whose sessions end soon after it has started.
const ENDING_MS = 3_000;
// How long a check looks whether a connection outlives its session.
const AFTER_MS = 1_000;
const ending = {
  needs,
  timers: true,
  takes: () => ENDING_MS,
  instance: { PARLOR_SESSION_LIFETIME_MS: String(ENDING_MS) },
  shared: true,
} as const;

// What two clocks of one machine may differ by, in milliseconds.
const CLOCKS_MS = 100;

// A connection whose session ends at `at`, in milliseconds since 1970.
async function endingSoon(t: Stage, index: number) {
  t.needs('session');
  const session = t.session(index);
  const peer = await opened(t, sending(t, cookieOf(session)));
  await decided(peer, 'a valid session is welcomed');
  if (!peer.welcomed && peer.closed?.reason === 'session_expired')
    t.inconclusive('the machine was too slow: the sessions had ended before they were looked at');
  const { data } = await peer.receives('welcome');
  const expiresAt = (data['auth'] as Record<string, unknown>)['expires_at'];
  if (typeof expiresAt !== 'string')
    t.notExercised('the server does not read PARLOR_SESSION_LIFETIME_MS: its sessions have no end');
  return { peer, at: Date.parse(String(expiresAt)), session };
}

// Does what tells nothing once the session has ended.
async function beforeEnd(
  t: Stage,
  peer: Peer,
  at: number,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    const expired = error instanceof Violation && peer.closed?.reason === 'session_expired';
    if (expired && Date.now() >= at - CLOCKS_MS)
      t.inconclusive(
        'the machine was too slow: the session had ended before the auth was answered',
      );
    throw error;
  }
}

/** An `auth` on a connection of a session that is answered with auth_failed. */
export async function failsToReplace(t: Stage, peer: Peer): Promise<void> {
  const token = t.secret(t.minter.mint(String(peer.welcome.data.user), { exp: 1 }));
  await peer.refuses('auth_failed', () => peer.request('auth', { token }));
}

/** What is usually wrong where a session is forgotten after such an auth. */
export const UNCHANGED =
  'An auth on this connection was answered with auth_failed before, which changes nothing: the session is still what the connection lives by. Let go of it when a token is taken, and not when one comes.';

/** The checks of the end of a session that was announced. */
export const expiry = [
  check(
    'sessions-expired-refused',
    async (t) => {
      const { at, session } = await endingSoon(t, 1);
      await t.pause(Math.max(0, at - Date.now()) + 100);
      await refused(t, cookieOf(session), /^session_(expired|invalid)$/, 'an expired session');
    },
    ending,
  ),

  check(
    'sessions-expiry-closes-open',
    async (t) => {
      const tabs = [await endingSoon(t, 0)];
      if (t.welcome.limits.max_connections_per_user > 1) tabs.push(await endingSoon(t, 0));
      const hint =
        tabs.length > 1
          ? 'Two connections of one session are open, as two tabs are, and both have to be closed at its end: give each connection a timer of its own. One that is kept by session or by user is set anew by the next connection, and closes that one alone.'
          : undefined;
      for (const { peer, at } of tabs)
        await peer.closes(4003, 'session_expired', Math.max(0, at - Date.now()) + 5_000, hint);
    },
    ending,
  ),

  check(
    'sessions-expiry-closes-open',
    async (t) => {
      t.needs('auth_refresh');
      const { peer, at } = await endingSoon(t, 1);
      await beforeEnd(t, peer, at, () => failsToReplace(t, peer));
      const within = Math.max(0, at - Date.now()) + 5_000;
      await peer.closes(4003, 'session_expired', within, UNCHANGED);
    },
    { ...ending, variant: 'refused' },
  ),

  check(
    'authentication-refresh-narrows-rooms',
    async (t) => {
      t.needs('session');
      const session = t.session(0);
      const { user } = session;
      const peer = await welcomed(t, sending(t, cookieOf(session)));
      const [bob] = await t.join('board', 'bob');
      const joined = await peer.request('join', {}, { room: 'board' });
      if (joined.type !== 'ack') t.notExercised('the session does not allow every room');
      await peer.acked('auth', { token: t.secret(t.minter.mint(user, { rooms: [] })) });
      const gone = { room: 'board', data: { user, reason: 'unauthorized' } };
      const kept = await t.finds(() => bob.receives('leave', gone));
      const hint =
        'The connection came with a session, and was given a token by an auth: from its ack on the claims of the token count, as if it had come with one.';
      if (kept) t.fail({ expected: kept.expected, actual: kept.actual, hint });
      const { type, data } = await peer.request('chat', { text: 'x' }, { room: 'board' });
      t.assert(type === 'error' && data.code === 'forbidden', {
        expected: 'forbidden, for the token of the acknowledged auth allows no room',
        actual: `${peer.label} received ${type} ${data.code ?? ''}`,
        hint,
      });
    },
    { needs, variant: 'session' },
  ),

  check(
    'authentication-refresh-extends',
    async (t) => {
      const { peer, at, session } = await endingSoon(t, 1);
      // Puts a token in the place of the session that the connection came with.
      const token = t.secret(t.minter.mint(session.user));
      await beforeEnd(t, peer, at, () => peer.acked('auth', { token }));
      // Where the timer of the session still runs, it has fired a second later.
      await t.pause(Math.max(0, at - Date.now()) + AFTER_MS);
      if (peer.closed)
        t.fail({
          expected:
            'the connection outlives its session: an acknowledged auth put a token in its place',
          actual: `${peer.label}: ${peer.closed.detail}`,
          hint: 'From the ack of an auth on, the token decides when the connection ends. Stop the timer of what the connection came with, be it a token or a session.',
        });
      await peer.staysOpen();
    },
    { ...ending, variant: 'session', takes: () => ENDING_MS + AFTER_MS },
  ),

  check(
    'authentication-refresh-expires',
    async (t) => {
      t.needs('session');
      const session = t.session(1);
      const peer = await welcomed(t, sending(t, cookieOf(session)));
      const exp = soon();
      const token = t.secret(t.minter.mint(session.user, { exp }));
      await inTime(t, exp, () => peer.acked('auth', { token }));
      const hint =
        'The connection came with a session, and was given a token by an auth: from its ack on the exp of the token ends it, as if it had come with one.';
      const within = untilEnd(t, exp) + CLOSE_WITHIN_MS;
      await peer.closes(4001, 'token_expired', within, hint);
    },
    { ...lasting, needs, variant: 'session' },
  ),
];
