import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import {
  CLOSE_WITHIN_MS,
  expires,
  inTime,
  lasting,
  SHORT_S,
  shortLived,
  soon,
  untilEnd,
} from './authentication.lifetime.js';
import { rightKey, signedBy, stranger, type Tokens } from './forgeries.js';
import { welcomed } from './openings.js';

const HOUR_S = 3_600;
const iso = (exp: number) => new Date(exp * 1000).toISOString();

// Tokens of ann that would close a new connection; each would end in an hour, were it taken.
function wrongTokens(t: Stage): Tokens {
  const { algorithm } = t.minter.config;
  const { header, claims } = t.minter.parts(t.user('ann'), { exp: soon(HOUR_S) });
  const signed = t.mint('ann').split('.');
  return {
    'no token': 'nonsense',
    'another key': signedBy(t, algorithm, stranger(algorithm).key, {}, claims),
    'alg none': `${[{ ...header, alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`,
    'a truncated signature': `${signed[0]}.${signed[1]}.${signed[2]?.slice(0, 8)}`,
    'another algorithm': signedBy(
      t,
      algorithm === 'HS256' ? 'HS512' : 'HS256',
      algorithm === 'HS256' ? rightKey(t) : 'x',
      {},
      claims,
    ),
    'an expired token': t.mint('ann', { exp: soon(-HOUR_S) }),
    'a token of the future': t.mint('ann', { nbf: soon(HOUR_S) }),
    'a token without exp': t.mint('ann', { exp: undefined }),
    'a forged token of another user': signedBy(t, algorithm, stranger(algorithm).key),
  };
}

const taken = [
  check('authentication-refresh-acked', async (t) => {
    const ann = await t.connect('ann');
    // A fraction that binary64 holds exactly.
    for (const seconds of [HOUR_S, 2 * HOUR_S + 0.25, HOUR_S / 2]) {
      const exp = soon(seconds);
      const { data } = await ann.acked('auth', { token: t.mint('ann', { exp }) });
      t.equal(data.expires_at, iso(exp), 'expires_at in the ack of auth');
    }
    ann.send('auth', { token: t.mint('ann') });
    await ann.hearsNothing();
  }),

  check(
    'authentication-refresh-extends',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await inTime(t, exp, () => ann.acked('auth', { token: t.mint('ann') }));
      // Where the old timer still runs, it has fired a second later.
      await t.pause(untilEnd(t, exp) + 1_000);
      await ann.staysOpen();
    },
    lasting,
  ),

  check(
    'authentication-refresh-expires',
    async (t) => {
      const ann = await t.connect('ann');
      const exp = soon();
      await ann.acked('auth', { token: t.mint('ann', { exp }) });
      await expires(t, ann, exp);
    },
    lasting,
  ),

  check(
    'authentication-refresh-expires',
    async (t) => {
      const first = soon();
      const ann = await shortLived(t, 'ann', first);
      const exp = first + 1;
      await inTime(t, first, () => ann.acked('auth', { token: t.mint('ann', { exp }) }));
      await expires(t, ann, exp);
    },
    { ...lasting, variant: 'later', takes: () => (SHORT_S + 1) * 1000 },
  ),
];

const refused = [
  check('authentication-refresh-rejected', async (t) => {
    const ann = await t.connect('ann');
    for (const [what, token] of Object.entries(wrongTokens(t))) {
      t.note(`auth with ${what}`);
      await ann.refuses('auth_failed', () => ann.request('auth', { token: t.secret(token) }));
    }
    await ann.refuses('invalid_payload', () => ann.request('auth', {}));
  }),

  check('authentication-refresh-rejected-changes-nothing', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    for (const token of [t.mint('ann', { exp: 1, rooms: [] }), ...Object.values(wrongTokens(t))])
      await ann.refuses('auth_failed', () => ann.request('auth', { token: t.secret(token) }));
    await ann.chat('lounge', 'still me');
    const { from } = await bob.receives('chat', { data: { text: 'still me' } });
    t.equal(from, ann.user, 'the sender of a chat after an auth that failed');
    await ann.joins('board');
  }),

  check(
    'authentication-refresh-rejected-changes-nothing',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      for (const token of Object.values(wrongTokens(t)))
        await inTime(t, exp, () =>
          ann.refuses('auth_failed', () => ann.request('auth', { token: t.secret(token) })),
        );
      await expires(t, ann, exp);
    },
    { ...lasting, variant: 'not-longer' },
  ),

  check(
    'authentication-refresh-rejected-changes-nothing',
    async (t) => {
      const { algorithm } = t.minter.config;
      const exp = soon(2);
      const ann = await t.connect('ann');
      const claims = { sub: ann.user, exp };
      const token = signedBy(t, algorithm, stranger(algorithm).key, {}, claims);
      await ann.refuses('auth_failed', () => ann.request('auth', { token: t.secret(token) }));
      await t.pause(untilEnd(t, exp) + 500);
      await ann.staysOpen();
    },
    { ...lasting, variant: 'not-shorter' },
  ),

  check('authentication-refresh-subject-changed', async (t) => {
    const ann = await t.connect('ann');
    ann.send('auth', { token: t.mint('bob') }, { id: '1' });
    await ann.closes(4001, 'subject_changed');
    t.equal(ann.received('ack'), [], 'what acknowledges an auth of another user');
  }),

  check(
    'authentication-refresh-subject-changed',
    async (t) => {
      const user = t.user('ann');
      for (const sub of [user.toUpperCase(), ` ${user}`, `${user} `]) {
        const ann = await t.connect('ann');
        ann.send('auth', { token: t.mint('ann', { sub }) }, { id: '1' });
        await ann.closes(4001, 'subject_changed');
      }
      for (const [one, other] of [
        // Two ways to write a number, and two to write a letter.
        ['47110000', '4711e4'],
        ['47110000', '047110000'],
        [t.user('zo\u00eb'), t.user('zoe\u0308')],
      ] as const) {
        const ann = await welcomed(t, { token: t.mint('ann', { sub: one }) });
        ann.send('auth', { token: t.mint('ann', { sub: other }) }, { id: '1' });
        const hint = `The two users are ${JSON.stringify(one)} and ${JSON.stringify(other)}: names are compared as they are, byte by byte, and never as numbers.`;
        await ann.closes(4001, 'subject_changed', 0, hint);
      }
    },
    { variant: 'alike' },
  ),
];

const narrowed = [
  check('authentication-refresh-narrows-rooms', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    await bob.joins('board');
    await ann.joins('board');
    await ann.acked('auth', { token: t.mint('ann', { rooms: [t.room('lounge')] }) });
    await bob.receives('leave', {
      room: 'board',
      data: { user: ann.user, reason: 'unauthorized' },
    });
    await ann.refuses('forbidden', () => ann.request('chat', { text: 'hi' }, { room: 'board' }));
    await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'board' }));
    const { members } = (await bob.members('board')).data;
    t.equal(members, [bob.user], 'the members of the room that the new token does not allow');
    await ann.chat('lounge', 'still here');
    await bob.receives('chat', { room: 'lounge' });
    t.equal(bob.received('leave', { room: 'lounge' }), [], 'who left the room that is allowed');
  }),

  check(
    'authentication-refresh-narrows-rooms',
    async (t) => {
      const [laptop, bob] = await t.join('board', 'ann', 'bob');
      const phone = await t.connect('ann');
      await phone.joins('board');
      await phone.acked('auth', { token: t.mint('ann', { rooms: [] }) });
      await phone.refuses('forbidden', () =>
        phone.request('chat', { text: 'hi' }, { room: 'board' }),
      );
      await laptop.chat('board', 'I stay');
      await bob.receives('chat', { data: { text: 'I stay' } });
      t.equal(bob.received('leave'), [], 'what is told of a user who has a connection in the room');
      t.equal(phone.received('chat'), [], 'what the other connection still hears of the room');
    },
    { variant: 'other-connection' },
  ),

  check('authentication-refresh-narrowing-told', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    await bob.joins('board');
    await ann.joins('board');
    ann.send('auth', { token: t.mint('ann', { rooms: [t.room('lounge')] }) });
    const left = { user: ann.user, reason: 'unauthorized' };
    await ann.receives('leave', { room: 'board', data: left });
    await bob.chat('board', 'behind her back');
    await ann.fencedBy(bob, 'lounge');
    const heard = ann.received('*', { room: t.room('board') });
    const after = heard.slice(heard.findIndex(({ type }) => type === 'leave') + 1);
    t.equal(after, [], 'what comes of the room after the leave');
  }),
];

// Waits for the warning of a token's end, without which a check of what follows it says nothing.
async function warning(t: Stage, peer: Peer, exp: number): Promise<void> {
  const match = { data: { expires_at: iso(exp) } };
  const missing = await t.finds(() => peer.receives('auth_expiring', match, untilEnd(t, exp)));
  if (missing) t.notSeen(`no auth_expiring came: ${missing.actual}`);
}

const warned = [
  check(
    'authentication-expiry-warned',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      const { data } = await ann.receives('auth_expiring', {}, untilEnd(t, exp));
      t.equal(data.expires_at, iso(exp), 'expires_at in auth_expiring');
      t.assert((data.in_ms ?? -1) <= SHORT_S * 1000, {
        expected: `in_ms is at most the ${SHORT_S * 1000} ms that the token had`,
        actual: `in_ms is ${data.in_ms}`,
      });
    },
    lasting,
  ),

  check(
    'authentication-expiry-warned',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await warning(t, ann, exp);
      const next = exp + 1;
      await inTime(t, exp, () => ann.acked('auth', { token: t.mint('ann', { exp: next }) }));
      if (untilEnd(t, next) < 500)
        t.inconclusive('the machine was too slow: little was left of the new token at its ack');
      const unwarned = await t.finds(() =>
        ann.receives('auth_expiring', { data: { expires_at: iso(next) } }, untilEnd(t, next)),
      );
      if (unwarned)
        t.fail({
          expected: `${unwarned.expected}: a new token has a warning of its own`,
          actual: unwarned.actual,
          hint: 'The connection was warned of the end of its first token, and not of that of the next: set the timer of the warning after each acknowledged auth, and keep no mark that the connection was warned.',
        });
    },
    { ...lasting, variant: 'refreshed', takes: () => (SHORT_S + 1) * 1000 },
  ),

  check(
    'authentication-expiry-warned-once',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      await warning(t, ann, exp);
      for (const token of [t.mint('ann', { exp: 1 }), wrongTokens(t)['another key']])
        await inTime(t, exp, () =>
          ann.refuses('auth_failed', () => ann.request('auth', { token: t.secret(String(token)) })),
        );
      await ann.ends(untilEnd(t, exp) + CLOSE_WITHIN_MS);
      const warnings = ann.received('auth_expiring', { data: { expires_at: iso(exp) } });
      t.assert(warnings.length === 1, {
        expected: 'no second auth_expiring for one expiry after an auth that was refused',
        actual: `${warnings.length} came`,
        hint: 'An auth that is answered with auth_failed changes nothing: leave the timers alone until the new token is taken.',
      });
    },
    { ...lasting, variant: 'refused' },
  ),

  check(
    'authentication-expiry-warned-once',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      const { detail } = await ann.ends(untilEnd(t, exp) + CLOSE_WITHIN_MS);
      const warnings = ann.received('auth_expiring', { data: { expires_at: iso(exp) } });
      if (warnings.length === 0) t.notSeen(`no auth_expiring came before the end: ${detail}`);
      t.equal(warnings.length, 1, 'the number of warnings before one expiry');
    },
    lasting,
  ),

  check(
    'authentication-expiry-warned-once',
    async (t) => {
      const exp = soon();
      const ann = await shortLived(t, 'ann', exp);
      const token = t.mint('ann', { exp: exp + 1 });
      await inTime(t, exp, () => ann.acked('auth', { token }));
      await ann.ends(untilEnd(t, exp + 1) + CLOSE_WITHIN_MS);
      for (const each of [exp, exp + 1]) {
        const warnings = ann.received('auth_expiring', { data: { expires_at: iso(each) } });
        t.assert(warnings.length <= 1, {
          expected: 'at most one auth_expiring for one expiry',
          actual: `${warnings.length} for ${iso(each)}`,
        });
      }
    },
    { ...lasting, variant: 'refreshed', takes: () => (SHORT_S + 1) * 1000 },
  ),
];

/** The checks of a token that is renewed on an open connection. */
export const refresh = [...taken, ...refused, ...narrowed, ...warned];
