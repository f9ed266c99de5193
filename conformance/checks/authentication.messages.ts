import { check } from '#conformance/harness/check.js';
import { buildBinary, isApplications } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { OpenOptions, Stage } from '#conformance/harness/stage.js';
import { meanwhile } from './authentication.lifetime.js';
import { signedBy, stranger } from './forgeries.js';
import { closed, welcomed } from './openings.js';
import { ASKED, asked, byMessage, heardInTime } from './ways.js';

// How long the server waits for `auth` is announced nowhere; within this time it is not over.
const LATE_MS = 300;

// 10 s that a server may wait and 5 s that it may take.
const LONGEST_MS = 15_000;

const forgedToken = (t: Stage) => {
  const { algorithm } = t.minter.config;
  return signedBy(t, algorithm, stranger(algorithm).key);
};
const expiredToken = (t: Stage) => t.mint('ann', { exp: 1 });

const hearsNoData = (t: Stage, peer: Peer) =>
  t.equal(peer.received(), [], 'what comes before a first message was taken');

// An application may send events of its own at any time.
const ours = (peer: Peer) => peer.received('*', (message) => !isApplications(message));

/** A session and its cookie, as a browser of an allowed page sends them. */
function browser(t: Stage, index = 0): { user: string; options: OpenOptions } {
  const { value, user } = t.session(index);
  const [origin = ''] = t.origins;
  return { user, options: { cookie: `session_token=${value}`, origin } };
}

const cookies = { needs: ['session', 'origins'] } as const;

/** Token and session together. */
const together = [
  check(
    'authentication-no-fallback-to-session',
    async (t) => {
      const { options } = browser(t);
      for (const [what, token, reason] of [
        ['nonsense', 'nonsense', 'token_invalid'],
        ['a forged token', forgedToken(t), 'token_invalid'],
        ['an expired token', expiredToken(t), 'token_expired'],
      ] as const) {
        const beside = `${what} beside a valid session`;
        await closed(t, { ...options, token }, 4001, reason, beside);
        const headers = { Authorization: `Bearer ${token}` };
        await closed(t, { ...options, headers }, 4001, reason, `${beside}, in the header`);
      }
    },
    cookies,
  ),

  check(
    'authentication-empty-token-refused',
    async (t) => {
      const { options } = browser(t);
      const { pathname } = new URL(t.urls[0] ?? '');
      const path = `${pathname}?token=`;
      const beside = 'an empty token parameter beside a valid session';
      await closed(t, { ...options, path }, 4001, /^token_(missing|invalid)$/, beside);
    },
    { ...cookies, variant: 'session' },
  ),

  check(
    'authentication-token-before-session',
    async (t) => {
      const { options } = browser(t);
      const [origin = ''] = t.origins;
      for (const cookie of [
        options.cookie,
        'session_token=no-such-session',
        'session_token=one; session_token=two',
      ]) {
        const ann = await welcomed(t, { token: t.mint('ann'), origin, cookie });
        t.equal(ann.welcome.data.user, t.user('ann'), 'the user, beside the cookie of a session');
        const auth = ann.welcome.data['auth'] as Record<string, unknown>;
        t.equal(auth['method'], 'token', 'auth.method');
      }
    },
    cookies,
  ),
];

const JOIN = '{"type":"join","id":"1","room":"lounge"}';

// What a first message may be instead of a valid `auth`.
const wrongFirsts: Readonly<Record<string, (peer: Peer) => void>> = {
  'a join': (peer) => peer.sendText(JOIN),
  'a ping': (peer) => peer.sendText('{"type":"ping","id":"1"}'),
  'an unknown type': (peer) => peer.sendText('{"type":"hello","id":"1"}'),
  'no JSON': (peer) => peer.sendText('Bearer eyJhbGciOiJIUzI1NiJ9'),
  'an empty text': (peer) => peer.sendText(''),
  'an array': (peer) => peer.sendText('[]'),
  'an auth without data': (peer) => peer.sendText('{"type":"auth","id":"1"}'),
  'an auth without token': (peer) => peer.sendText('{"type":"auth","id":"1","data":{}}'),
  'an auth with a number for its token': (peer) =>
    peer.sendText('{"type":"auth","id":"1","data":{"token":42}}'),
  'a binary message': (peer) => peer.sendBytes(Buffer.from(JOIN)),
  'a binary frame of Parlor': (peer) =>
    peer.sendBytes(buildBinary({ type: 'auth', data: {} }, Buffer.alloc(0))),
};

/** The token in the first message. */
const firsts = [
  check(
    'authentication-message-silent',
    async (t) => {
      const peer = await asked(t);
      await heardInTime(t, peer, () => peer.echoesPing());
      hearsNoData(t, peer);
      await peer.ends(LONGEST_MS);
      hearsNoData(t, peer);
    },
    { timers: true },
  ),

  check(
    'authentication-message-silent',
    async (t) => {
      const peer = await asked(t, browser(t).options);
      await heardInTime(t, peer, () => peer.echoesPing());
      hearsNoData(t, peer);
    },
    { ...cookies, variant: 'session' },
  ),

  check('authentication-message-welcomed', async (t) => {
    const ann = await asked(t, {}, 'ann');
    ann.send('auth', { token: t.mint('ann') });
    ann.send('ping', {}, { id: '1' });
    ann.send('join', {}, { id: '2', room: 'lounge' });
    const { data } = await heardInTime(t, ann, () => ann.receives('welcome'));
    t.equal(data.user, t.user('ann'), 'the user in the welcome');
    t.equal((data['auth'] as Record<string, unknown>)['method'], 'token', 'auth.method');
    await ann.reply('2');
    t.equal(
      ours(ann).map(({ type }) => type),
      ['welcome', 'pong', 'ack'],
      'what comes of auth without id, ping and join, sent at once',
    );
  }),

  check(
    'authentication-message-welcomed',
    async (t) => {
      const headers = { Authorization: 'Basic YW5uOmFubg==' };
      const ann = await asked(t, { headers }, 'ann');
      ann.send('auth', { token: t.mint('ann') });
      const welcome = () => ann.receives('welcome');
      const refused = await t.finds(() => heardInTime(t, ann, welcome));
      if (refused)
        t.fail({
          expected: 'a first auth is welcomed, whatever the header Authorization: Basic says',
          actual: refused.actual,
          hint: 'An Authorization of another scheme than Bearer is no credential, here as elsewhere: a proxy may add one.',
        });
    },
    { variant: 'other-scheme' },
  ),

  check(
    'rooms-claim-forbids',
    async (t) => {
      t.needs('auth_message');
      for (const rooms of [[], [t.room('lounge')]]) {
        const ann = await asked(t, {}, 'ann');
        ann.send('auth', { token: t.mint('ann', { rooms }) });
        await heardInTime(t, ann, () => ann.receives('welcome'));
        await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'hall' }));
      }
    },
    { variant: 'first-message' },
  ),

  check('authentication-message-acked', async (t) => {
    // A fraction that binary64 holds exactly.
    const exp = Math.floor(Date.now() / 1000) + 3_600.25;
    const ann = await asked(t, {}, 'ann');
    ann.send('auth', { token: t.mint('ann', { exp }) }, { id: 'first' });
    ann.send('ping', {}, { id: 'second' });
    const { type, data } = await heardInTime(t, ann, () => ann.reply('first'));
    t.equal(type, 'ack', 'the type of the reply to the first auth');
    t.equal(data.expires_at, new Date(exp * 1000).toISOString(), 'expires_at in the ack');
    await ann.reply('second');
    t.equal(
      ours(ann).map((message) => message.type),
      ['welcome', 'ack', 'pong'],
      'what comes of auth and ping, sent at once',
    );
  }),

  check('authentication-message-token-refused', async (t) => {
    for (const [what, token, reason] of [
      ['nonsense', 'nonsense', 'token_invalid'],
      ['a forged token', forgedToken(t), 'token_invalid'],
      ['no sub', t.mint('ann', { sub: undefined }), 'token_invalid'],
      ['an expired token', expiredToken(t), 'token_expired'],
    ] as const) {
      const peer = await asked(t);
      t.note(`auth with ${what}`);
      peer.send('auth', { token: t.secret(token) }, { id: '1' });
      await heardInTime(t, peer, () => peer.closes(4001, reason));
      hearsNoData(t, peer);
    }
  }),

  check(
    'authentication-message-timeout',
    async (t) => {
      const ann = await byMessage(t, 'ann');
      const [peer, pinging, begun] = await Promise.all([asked(t), asked(t), asked(t)]);
      // A Pong that nobody asked for is no message, nor is a Ping.
      const stirs = () => {
        peer.sendFrame({ opcode: 10, payload: 'still here' });
        pinging.sendFrame({ opcode: 9, payload: 'anybody there?' });
      };
      begun.sendFrame({ opcode: 1, fin: false, payload: '{"type":' });
      const ends = (each: Peer, hint?: string) =>
        each.closes(4001, 'auth_timeout', LONGEST_MS, hint);
      const all = Promise.all([
        ends(peer),
        ends(pinging, 'A Ping of the client is no message, and gives it no more time.'),
        ends(
          begun,
          'A message that was begun and not ended is none yet: stop the timer when the whole of it is there.',
        ),
      ]);
      await meanwhile(t, all, stirs, 100);
      // It has waited for longer than all of them.
      const silent = await t.finds(() => ann.echoesPing());
      if (ann.closed?.reason === 'auth_timeout')
        t.fail({
          expected:
            'a connection whose first message brought its token is not closed with auth_timeout',
          actual: `${ann.label}: ${ann.closed.detail}`,
          hint: 'Stop the timer of the first message when that message has come.',
        });
      if (silent) throw silent;
    },
    { timers: true },
  ),

  check('authentication-message-required', async (t) => {
    for (const [what, send] of Object.entries(wrongFirsts)) {
      const opened = performance.now();
      const peer = await asked(t);
      t.note(`the first message is ${what}`);
      const waited = performance.now() - opened;
      if (peer.closed || waited > LATE_MS)
        t.inconclusive(
          `the machine was too busy: the first message went out after ${Math.round(waited)} ms`,
        );
      send(peer);
      await peer.closes(4001, 'auth_required');
      hearsNoData(t, peer);
    }
  }),

  check('authentication-message-and-token', async (t) => {
    const token = t.mint('ann');
    const headers = { Authorization: `Bearer ${token}` };
    const conflict = [4001, 'credentials_conflict'] as const;
    for (const each of [token, 'nonsense'])
      await closed(
        t,
        { query: [...ASKED, ['token', each]] },
        ...conflict,
        'auth=message and a token in the query',
      );
    await closed(
      t,
      { query: ASKED, headers },
      ...conflict,
      'auth=message and a token in the header',
    );
  }),
];

/** The checks of first-message authentication, and of a token beside a session. */
export const messages = [...together, ...firsts];
