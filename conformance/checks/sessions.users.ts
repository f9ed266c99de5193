import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { mostConnections } from './capacity.js';
import { decided, opened, welcomed } from './openings.js';
import { cookieOf, needs, type Session, sending } from './sessions.expiry.js';
import { oneWay, otherWays } from './ways.js';

const ONE_USER =
  'This user has a connection by a session and one by a token: it is one user all the same. Keep what belongs to users by their names, and ask nothing of the way in which a connection came.';

const bySession = (t: Stage, session: Session) => welcomed(t, sending(t, cookieOf(session)));
const byToken = (t: Stage, { user }: Session) =>
  opened(t, { token: t.secret(t.minter.mint(user)), label: 'by token' });

// Others in a room, and a user with two connections in it, by a session and by a token.
async function three(t: Stage) {
  t.needs('session');
  if (mostConnections(t) < 2) t.notExercised('a user may have one connection only');
  const session = t.session(0);
  const [bob, eve] = await t.join('lounge', 'bob', 'eve');
  const [browser, app] = [await bySession(t, session), await byToken(t, session)];
  await app.receives('welcome');
  const { type } = await browser.request('join', {}, { room: 'lounge' });
  if (type !== 'ack') t.notExercised('the session does not allow every room');
  await app.joins('lounge');
  return { bob, eve, browser, user: session.user };
}

// What bob was told of a user's coming or going. The user of a session is no fresh one: it sends nothing that a server
// may remember from another check.
async function told(bob: Peer, eve: Peer, type: 'join' | 'leave', user: string): Promise<number> {
  await bob.fencedBy(eve, 'lounge');
  return bob.received(type, { room: 'lounge', data: { user } }).length;
}

/** Presence of a user with both. */
const present = [
  check(
    'rooms-presence-join-first-only',
    async (t) => {
      const { bob, eve, user } = await three(t);
      const joins = await told(bob, eve, 'join', user);
      t.assert(joins <= 1, {
        expected: 'one join of a user who joins by a session and then by a token',
        actual: `${joins} came`,
        hint: ONE_USER,
      });
      const { members } = (await bob.members('lounge')).data;
      const named = Array.isArray(members) ? members.filter((each) => each === user).length : 0;
      t.equal(named, 1, 'how often the user is among the members');
    },
    { needs, variant: 'session' },
  ),

  check(
    'rooms-presence-leave-last-only',
    async (t) => {
      const { bob, eve, browser, user } = await three(t);
      await browser.leaves('lounge');
      const leaves = await told(bob, eve, 'leave', user);
      t.assert(leaves === 0, {
        expected: 'no leave of a user whose connection by a token is still in the room',
        actual: `${leaves} came when the connection by a session left it`,
        hint: ONE_USER,
      });
    },
    { needs, variant: 'session' },
  ),
];

const tell = (t: Stage, ann: Peer, peers: readonly (readonly [string, Peer, string])[]) =>
  Promise.all(
    peers.map(async ([user, peer, hint]) => {
      await ann.acked('direct', { to: user, text: user });
      const missing = await t.finds(() => peer.receives('direct', { data: { text: user } }));
      if (missing) t.fail({ expected: missing.expected, actual: missing.actual, hint });
    }),
  );

/** What reaches all connections of a user. */
const reached = [
  check(
    'direct-delivered-to-each-connection',
    async (t) => {
      const ways = await otherWays(t);
      const ann = await t.connect('ann');
      await tell(
        t,
        ann,
        ways.map(({ where, peer }) => [peer.user, peer, oneWay(where)]),
      );
    },
    { variant: 'each-way' },
  ),

  check(
    'direct-delivered-to-each-connection',
    async (t) => {
      t.needs('session');
      const session = t.session(0);
      const browser = await bySession(t, session);
      await tell(t, await t.connect('ann'), [[session.user, browser, ONE_USER]]);
    },
    { needs, variant: 'session' },
  ),

  check(
    'limits-connections-over-closed',
    async (t) => {
      t.needs('session');
      const session = t.session(0);
      const most = mostConnections(t);
      const all = [await opened(t, { ...sending(t, cookieOf(session)), label: 'by session' })];
      while (all.length < most) all.push(await byToken(t, session));
      for (const peer of all) await decided(peer, 'the connection is welcomed or closed');
      if (!all.every(({ welcomed: in_ }) => in_))
        t.tooLate('connections of the user of a session that other checks opened still counted');
      const extra = [await opened(t, sending(t, cookieOf(session))), await byToken(t, session)];
      for (const peer of extra) await peer.closes(4005, 'connection_limit', 0, ONE_USER);
    },
    // The user's places are taken for as long as it lasts.
    { needs, alone: 'apart', variant: 'session' },
  ),
];

/** The checks that a user is one, by a session and by a token. */
export const users = [...present, ...reached];
