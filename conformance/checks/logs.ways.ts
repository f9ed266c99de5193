import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import { idOf, observed, own, quiet, written } from './lines.js';
import { closed, oneTooMany, opened } from './openings.js';
import { ASKED, oneWay, otherWays } from './ways.js';

interface Refusal {
  code: number;
  reason: string;
}

/** Has connections refused on other ways than for a token in the query, and gives their closes. */
async function refusals(t: Stage): Promise<Refusal[]> {
  const peers = [
    await oneTooMany(t, 'ann'),
    await opened(t, { token: t.mint('eve'), subprotocols: ['parlor.unsupported'] }),
    await opened(t, { headers: { Authorization: `Bearer ${t.mint('eve', { sub: '' })}` } }),
  ];
  if (t.announces('auth_message'))
    for (const data of [{ token: t.mint('eve', { exp: 1 }) }, {}]) {
      const peer = await opened(t, { query: ASKED });
      peer.send('auth', data);
      peers.push(peer);
    }
  const [origin] = t.origins;
  if (t.announces('session') && origin !== undefined)
    peers.push(await opened(t, { origin, cookie: 'session_token=no-such-session' }));
  const ends = await Promise.all(peers.map((peer) => peer.ends()));
  return ends.filter(({ by }) => by === 'frame').map(({ code, reason }) => ({ code, reason }));
}

/** The checks that a log tells of connections alike, whichever way they came. */
export const ways = [
  check(
    'logs-connect-recorded',
    async (t) => {
      const all = await otherWays(t);
      if (t.announces('auth_message')) {
        const peer = await opened(t, { query: ASKED });
        peer.send('auth', { token: t.mint('eve', { exp: 1 }) });
        await peer.ends();
      }
      for (const { where, peer } of all) {
        const lines = await written(t, 'websocket_connect', peer, 1);
        const users = lines.map(({ user }) => user);
        t.assert(users.length === 1 && users[0] === peer.user, {
          expected: `one websocket_connect line for ${idOf(peer)}, with the user ${peer.user}`,
          actual: `there are ${lines.length}: ${JSON.stringify(lines)}`,
          hint: oneWay(where),
        });
      }
      const connects = await observed(t, 'websocket_connect');
      const strange = connects.filter(({ user }) => user === t.user('eve') || !user);
      t.equal(strange, [], 'websocket_connect of a connection that was not welcomed');
    },
    { variant: 'each-way', ...own },
  ),

  check(
    'logs-refusal-recorded',
    async (t) => {
      const before = (await observed(t, 'websocket_disconnect')).length;
      const closes = await refusals(t);
      // A line that stands behind those of all of them.
      await closed(t, {}, 4001, 'token_missing');
      await quiet(t);
      const lines = (await observed(t, 'websocket_disconnect')).slice(before);
      for (const { code, reason } of closes) {
        const like = lines.filter((line) => line['code'] === code && line['reason'] === reason);
        t.assert(
          like.some((line) => !('user' in line)),
          {
            expected: `a websocket_disconnect of the refusal with ${code} ${reason}, with no user`,
            actual: `the log has ${JSON.stringify(like)}; of all it has ${JSON.stringify(lines).slice(0, 1_000)}`,
            hint: 'Write the line where a connection has ended, whichever step has refused it; the user goes into it with the welcome, and not before.',
          },
        );
      }
    },
    { variant: 'each-way', ...own },
  ),
];
