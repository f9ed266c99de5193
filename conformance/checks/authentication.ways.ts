import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import {
  expires,
  inTime,
  lasting,
  leavesTime,
  SHORT_S,
  soon,
  untilEnd,
} from './authentication.lifetime.js';
import { mostConnections } from './capacity.js';
import { bound, inTime as endsInTime, isPinged, roundsMs } from './heartbeat.js';
import { opened } from './openings.js';
import { watched } from './punctuality.js';
import { ASKED, asked, byMessage, heardInTime, oneWay, otherWays, type Way } from './ways.js';

const iso = (exp: number) => new Date(exp * 1000).toISOString();

// Connections whose tokens end soon.
async function shortLivedWays(t: Stage, exp: number): Promise<Way[]> {
  const ways = await inTime(t, exp, () => otherWays(t, { claims: { exp } }));
  for (const { peer } of ways) leavesTime(t, peer, exp);
  return ways;
}

const expireAll = (t: Stage, ways: readonly Way[], exp: number) =>
  Promise.all(ways.map(({ where, peer }) => expires(t, peer, exp, oneWay(where))));

/** How long a connection lives. */
const lives = [
  check(
    'authentication-expiry-closes',
    async (t) => {
      const exp = soon();
      await expireAll(t, await shortLivedWays(t, exp), exp);
    },
    { ...lasting, variant: 'each-way' },
  ),

  check(
    'authentication-expiry-warned',
    async (t) => {
      t.needs('auth_refresh');
      const exp = soon();
      const ways = await shortLivedWays(t, exp);
      await Promise.all(
        ways.map(async ({ where, peer }) => {
          const match = { data: { expires_at: iso(exp) } };
          const missing = await t.finds(() =>
            peer.receives('auth_expiring', match, untilEnd(t, exp)),
          );
          if (missing)
            t.fail({
              expected: `${missing.expected}, also where the token came ${where}`,
              actual: missing.actual,
              hint: oneWay(where),
            });
        }),
      );
    },
    { ...lasting, variant: 'each-way' },
  ),

  check(
    'authentication-refresh-expires',
    async (t) => {
      const ways = await otherWays(t);
      const exp = soon();
      for (const { peer } of ways)
        await inTime(t, exp, () => peer.acked('auth', { token: t.mint(peer.user, { exp }) }));
      await expireAll(t, ways, exp);
    },
    { ...lasting, variant: 'each-way' },
  ),

  check(
    'authentication-refresh-expires',
    async (t) => {
      const ann = await t.connect('ann');
      const exp = soon();
      ann.send('auth', { token: t.mint('ann', { exp }) });
      const hint = 'An auth without an id works as one with it, unacknowledged.';
      await expires(t, ann, exp, hint);
    },
    { ...lasting, variant: 'without-id' },
  ),

  check(
    'authentication-refresh-extends',
    async (t) => {
      const exp = soon();
      const ways = await shortLivedWays(t, exp);
      for (const { peer } of ways)
        await inTime(t, exp, () => peer.acked('auth', { token: t.mint(peer.user) }));
      // Where the old timer still runs, it has fired a second later.
      await t.pause(untilEnd(t, exp) + 1_000);
      for (const { where, peer } of ways) {
        if (peer.closed)
          t.fail({
            expected: 'the connection outlives its first token: an acknowledged auth replaced it',
            actual: `${peer.label}: ${peer.closed.detail}`,
            hint: oneWay(where),
          });
        await peer.staysOpen();
      }
    },
    { ...lasting, variant: 'each-way', takes: () => (SHORT_S + 1) * 1000 },
  ),

  check(
    'authentication-refresh-rejected-changes-nothing',
    async (t) => {
      const exp = soon();
      const ways = await shortLivedWays(t, exp);
      for (const { peer } of ways)
        await inTime(t, exp, () =>
          peer.refuses('auth_failed', () =>
            peer.request('auth', { token: t.mint(peer.user, { exp: 1 }) }),
          ),
        );
      await expireAll(t, ways, exp);
    },
    { ...lasting, variant: 'each-way' },
  ),
];

/** How the heartbeat treats it. */
const beats = [
  check(
    'heartbeat-ping-sent',
    async (t) => {
      const ways = await otherWays(t);
      await Promise.all(ways.map(({ where, peer }) => isPinged(t, peer, oneWay(where))));
    },
    { variant: 'each-way', timers: true, takes: roundsMs },
  ),

  check(
    'heartbeat-silent-peer-dropped',
    (t) =>
      watched(t, async (worst) => {
        const ways = await otherWays(t, { autoPong: false });
        const since = performance.now();
        const allowed = bound(t.welcome);
        await Promise.all(
          ways.map(async ({ where, peer }) => {
            const kept = await t.finds(() => peer.ends(allowed));
            if (kept) t.fail({ expected: kept.expected, actual: kept.actual, hint: oneWay(where) });
            const took = (peer.closed?.at ?? since) - since;
            endsInTime(t, 'the end of a silent connection', took, allowed, worst());
          }),
        );
      }),
    { variant: 'each-way', timers: true, takes: bound },
  ),
];

// So many wait for their first message while the user's places are taken.
const WAITING = 2;

/** How it is counted. */
const counts = [
  check(
    'limits-connections-reached',
    async (t) => {
      t.needs('auth_message');
      const most = mostConnections(t);
      const wait = () => opened(t, { query: ASKED }, 'ann');
      await Promise.all(Array.from({ length: WAITING }, wait));
      const others = Array.from({ length: most - 1 }, async () => {
        const peer = await opened(t, { token: t.mint('ann') }, 'ann');
        const refused = await t.finds(() => peer.receives('welcome'));
        if (refused)
          t.fail({
            expected: `max_connections_per_user = ${most} connections of a user are welcomed while ${WAITING} others wait for their first message`,
            actual: refused.actual,
            hint: 'A connection that asked for ?auth=message has no user yet: count it when its token is taken.',
          });
        return peer;
      });
      const all = await Promise.all([byMessage(t, 'ann'), ...others]);
      for (const peer of all) await peer.staysOpen();
    },
    { variant: 'first-message' },
  ),

  check(
    'limits-connections-over-closed',
    async (t) => {
      t.needs('auth_message');
      const most = mostConnections(t);
      const rest = Array.from({ length: most - 1 }, () => t.connect('ann'));
      await Promise.all([byMessage(t, 'ann'), ...rest]);
      const inQuery = await t.open({ subprotocols: ['parlor.v1'], token: t.mint('ann') });
      const firsts = await asked(t);
      firsts.send('auth', { token: t.mint('ann') }, { id: '1' });
      for (const [extra, hint] of [
        [
          inQuery,
          'One of the connections brought its token in the first message: it counts like any other.',
        ],
        [firsts, oneWay('in the first message')],
      ] as const) {
        await heardInTime(t, extra, () => extra.closes(4005, 'connection_limit', 0, hint));
        t.equal(extra.received(), [], 'the messages before the close');
      }
    },
    { variant: 'first-message' },
  ),
];

/** The checks that connections are alike, whichever way their token came. */
export const ways = [...lives, ...beats, ...counts];
