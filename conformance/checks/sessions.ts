import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { NotExercised, Violation } from '#conformance/harness/verdict.js';
import { answered, closed, decided, opened, welcomed } from './openings.js';
import {
  cookieOf,
  expiry,
  failsToReplace,
  needs,
  refused,
  type Session,
  sending,
  UNCHANGED,
} from './sessions.expiry.js';
import { users } from './sessions.users.js';

const revocable = { needs: [...needs, 'control:session.revoke'] } as const;

async function signedIn(t: Stage, session: Session): Promise<Peer> {
  const peer = await welcomed(t, sending(t, cookieOf(session)));
  t.equal(peer.welcome.data.user, session.user, 'the user in the welcome');
  return peer;
}

// Other checks use the same sessions, and a user has only so many connections: this one is closed again.
async function welcomedAs(t: Stage, cookie: string, user: string, what: string): Promise<void> {
  const peer = await welcomed(t, sending(t, cookie));
  t.equal(peer.welcome.data.user, user, `the user in the welcome, ${what}`);
  peer.close();
  await peer.tcpEnds();
}

const revoke = (t: Stage, { value }: Session) =>
  t.control('session.revoke', { value, url: t.urls[0], origin: t.origins[0] });

const revocationMs = ({ welcome }: Stage) => Number(welcome.session_revocation_ms ?? 0);

// A silent connection shows a server that looks at the session only when something comes.
const unheard = (bound: number) =>
  `Whoever revokes has to reach the open connections: keep them by session, where the logout finds all of them. Where another process revokes, let the store or a broker tell this one, or ask the store for the session of each open connection on a timer, well within session_revocation_ms = ${bound}. To look when a message comes is not enough: this connection is silent.`;

// Holds all connections of a revoked session to be closed; of some that stay open it is told how many others do not.
async function allClose(peers: readonly Peer[], bound: number): Promise<void> {
  const closing = peers.map((peer) => peer.closes(4003, 'session_revoked', bound, unheard(bound)));
  const failed = (await Promise.allSettled(closing)).flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  );
  const [error] = failed;
  if (error === undefined) return;
  const open = peers.filter(({ closed }) => !closed).length;
  if (!(error instanceof Violation) || open === 0 || open === peers.length) throw error;
  throw new Violation({
    expected: `all ${peers.length} open connections of the revoked session are closed with 4003 session_revoked`,
    actual: `${peers.length - open} of them is closed, ${open} stays open: ${error.actual}`,
    hint: 'A session has as many connections as it has tabs: keep a set of them for each session, for a single entry forgets all but one.',
  });
}

// Holds a connection to be open after a session was revoked that is not its own.
async function spared(peer: Peer, whose: string): Promise<void> {
  try {
    await peer.staysOpen();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const expected = `the connection ${whose} stays open when a session is revoked that is not its own`;
    const hint = peer.closed
      ? `Look at how a revocation finds the connections to close: by the session that is revoked, and by nothing wider. By user it takes those of other sessions of the user with it, and a list of all that came with a cookie takes everybody. Here the connection ${whose} went too.`
      : error.hint;
    throw new Violation({ expected, actual: error.actual, hint }, error.root);
  }
}

// A value like another, and different at one place.
function changedAt(value: string, index: number): string {
  const letter = value[index] ?? '';
  const other = letter === 'x' ? 'y' : 'x';
  return value.slice(0, index) + other + value.slice(index + 1);
}

/** How a session is found. */
const found = [
  check(
    'sessions-valid-cookie-welcomed',
    async (t) => {
      const { welcome } = await signedIn(t, t.session(0));
      const auth = welcome.data['auth'] as Record<string, unknown>;
      t.equal(auth['method'], 'session', 'auth.method');
      const { value, user } = t.session(0);
      for (const [what, cookie] of [
        ['between other cookies', `theme=dark; session_token=${value}; lang=en`],
        ['with the cookie twice', `session_token=${value}; session_token=${value}`],
      ] as const)
        await welcomedAs(t, cookie, user, what);
    },
    { needs },
  ),

  check(
    'sessions-valid-cookie-welcomed',
    async (t) => {
      await signedIn(t, t.session(0));
      await signedIn(t, t.session(1));
    },
    { needs, variant: 'two' },
  ),

  check(
    'sessions-unknown-refused',
    async (t) => {
      for (const value of ['no-such-session', 'undefined', 'null', '0', '*', '__proto__'])
        await refused(t, `session_token=${value}`, 'session_invalid', 'an unknown session_token');
    },
    { needs },
  ),

  check(
    'sessions-tampered-refused',
    async (t) => {
      const { value, user } = t.session(1);
      // A server that remembers values has seen this one.
      await welcomedAs(t, `session_token=${value}`, user, 'as it was made');
      const last = value.length - 1;
      const letter = value.search(/[a-z]/);
      const made = [0, Math.floor(last / 2), last].map((index) => changedAt(value, index));
      if (letter >= 0)
        made.push(
          value.slice(0, letter) + value.slice(letter).replace(/[a-z]/, (it) => it.toUpperCase()),
        );
      for (const each of made)
        await refused(
          t,
          `session_token=${t.secret(each)}`,
          'session_invalid',
          'a valid session_token changed in one character',
        );
    },
    { needs },
  ),
];

/** What is in the header `Cookie` besides. */
const cookies = [
  check(
    'sessions-ambiguous-refused',
    async (t) => {
      const one = cookieOf(t.session(0));
      const other = cookieOf(t.session(1));
      const unknown = 'session_token=no-such-session';
      for (const [what, first, second] of [
        ['two valid sessions', one, other],
        ['two valid sessions, the other way round', other, one],
        ['a valid session, then an unknown one', one, unknown],
        ['an unknown session, then a valid one', unknown, one],
      ] as const) {
        await refused(t, `${first}; ${second}`, 'session_ambiguous', what);
        await refused(t, `${first}; theme=dark; ${second}`, 'session_ambiguous', what);
      }
      const third = `${one}; ${one}; ${other}`;
      await refused(t, third, 'session_ambiguous', 'a valid session twice, then another one');
    },
    { needs },
  ),

  check(
    'sessions-ambiguous-refused',
    async (t) => {
      const one = cookieOf(t.session(0));
      const other = cookieOf(t.session(1));
      for (const lines of [
        [one, other],
        [other, one],
        [one, 'session_token=no-such-session'],
        ['session_token=no-such-session', one],
      ]) {
        const { origin } = sending(t, one);
        const peer = await opened(t, { origin, headers: { Cookie: lines } });
        const expected =
          'a connection with two cookies session_token, each in a Cookie line of its own, is refused';
        await decided(peer, expected);
        t.assert(!peer.welcomed, {
          expected,
          actual: `it is welcomed as ${peer.welcomed ? peer.welcome.data.user : ''}`,
          hint: 'A request may have several Cookie lines: read them all, and look whether all values are one.',
        });
        // Who takes no second line at all says so over HTTP.
        const { status } = peer.response;
        if (status >= 400 && status < 500) continue;
        await peer.closes(4003, 'session_ambiguous');
      }
    },
    { needs, variant: 'two-lines' },
  ),

  check(
    'sessions-other-cookies-ignored',
    async (t) => {
      const { value, user } = t.session(0);
      const real = `session_token=${value}`;
      for (const other of [
        'session_token_old=old',
        'xsession_token=other',
        'Session_Token=other',
        'SESSION_TOKEN=other',
        'session-token=other',
        'no pair at all',
        '=',
        'a=session_token=other',
      ])
        for (const cookie of [`${other}; ${real}`, `${real}; ${other}`])
          await welcomedAs(t, cookie, user, `beside the cookie ${other}`);
    },
    { needs },
  ),

  check(
    'sessions-other-cookies-ignored',
    async (t) => {
      const { value } = t.session(0);
      for (const name of [
        'session_token_old',
        'xsession_token',
        'Session_Token',
        'session-token',
      ]) {
        const peer = await opened(t, sending(t, `${name}=${value}`));
        await decided(peer, 'a connection without a cookie of that name is refused');
        t.assert(!peer.welcomed, {
          expected: `a connection with the cookie ${name} has no credentials`,
          actual: `it is welcomed as ${peer.welcomed ? peer.welcome.data.user : ''}`,
        });
        await peer.closes([4001, 4003], /^(token|session)_missing$/);
      }
    },
    { needs, variant: 'alone' },
  ),

  check(
    'sessions-origin-required',
    async (t) => {
      for (const cookie of [cookieOf(t.session(0)), 'session_token=no-such-session']) {
        const peer = await opened(t, { cookie });
        answered(t, peer, 403);
      }
    },
    { needs },
  ),
];

/** How a session ends. */
const ended = [
  ...expiry,

  check(
    'sessions-revoked-refused',
    async (t) => {
      const session = t.spareSession();
      await signedIn(t, session);
      await revoke(t, session);
      const reason = /^session_(revoked|invalid)$/;
      // A cache may remember it for a while.
      const early = await opened(t, sending(t, cookieOf(session)));
      await decided(early, 'a revoked session is refused');
      if (early.welcomed) await t.pause(revocationMs(t));
      await refused(t, cookieOf(session), reason, 'a revoked session');
    },
    { ...revocable, timers: true },
  ),

  check(
    'sessions-revocation-closes-open',
    async (t) => {
      const session = t.spareSession();
      const peers = [await signedIn(t, session), await signedIn(t, session)];
      const third = t.announces('auth_refresh') && t.welcome.limits.max_connections_per_user > 2;
      const refused = third ? await signedIn(t, session) : undefined;
      if (refused) await failsToReplace(t, refused);
      await revoke(t, session);
      const bound = revocationMs(t);
      await allClose(peers, bound);
      await refused?.closes(4003, 'session_revoked', bound, UNCHANGED);
    },
    revocable,
  ),

  check(
    'sessions-revocation-spares-others',
    async (t) => {
      const session = t.spareSession();
      const gone = await signedIn(t, session);
      const another = ({ user }: Session) =>
        user === session.user ? 'of another session of the same user' : 'of another user';
      const others: [Peer, string][] = [
        [await signedIn(t, t.session(1)), another(t.session(1))],
        [await t.connect('ann'), 'of a token'],
      ];
      try {
        const second = t.spareSession(session.user);
        others.push([await signedIn(t, second), another(second)]);
      } catch (error) {
        if (!(error instanceof NotExercised)) throw error;
        t.note(`no second session of ${session.user} is known`);
      }
      await revoke(t, session);
      await gone.ends(revocationMs(t));
      for (const [peer, whose] of others) await spared(peer, whose);
    },
    revocable,
  ),
];

const kept = [
  check(
    'sessions-missing-refused',
    async (t) => {
      const withToken = await opened(t, { token: t.mint('ann') });
      await decided(withToken, 'a token is not taken');
      if (withToken.welcomed)
        t.notExercised('the server accepts tokens, whatever PARLOR_TOKENS says');
      await closed(t, {}, 4003, 'session_missing');
      await closed(t, sending(t, 'theme=dark'), 4003, 'session_missing');
    },
    { instance: { PARLOR_TOKENS: 'off' } },
  ),

  check(
    'sessions-value-not-leaked',
    async (t) => {
      const session = t.session(0);
      const unknown = t.secret('no-such-session-4711');
      const valid = cookieOf(session);
      const peer = await signedIn(t, session);
      await peer.request('x.nothing', {});
      const peers = [peer];
      for (const options of [
        sending(t, `session_token=${unknown}`),
        sending(t, `${valid}; session_token=${unknown}`),
        { cookie: valid },
        { ...sending(t, valid), origin: 'https://evil.example' },
        { ...sending(t, valid), subprotocols: ['parlor.v9'] },
        { ...sending(t, valid), headers: { 'Sec-WebSocket-Version': '12' } },
        { ...sending(t, valid), headers: { Upgrade: null, Connection: null } },
      ]) {
        const each = await opened(t, options);
        await decided(each, 'the connection is welcomed or closed');
        peers.push(each);
      }
      for (const { response, frames } of peers) {
        const head = `HTTP ${response.status} ${JSON.stringify(response.headers)} ${response.body}`;
        const sent = [head, ...frames.map(({ payload }) => payload.toString('latin1'))];
        for (const text of sent)
          t.assert(!text.includes(session.value) && !text.includes(unknown), {
            expected: 'nothing that the server sends holds the value of a session_token cookie',
            actual: `it sends ${text.slice(0, 500)}`,
          });
      }
    },
    { needs },
  ),
];

/** The checks of spec/sessions.md. */
export const sessions = [...found, ...cookies, ...ended, ...kept, ...users];
