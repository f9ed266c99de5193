import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { welcomed } from './openings.js';
import { cookieOf, needs, sending } from './sessions.expiry.js';
import { ASKED, oneWay, otherWays } from './ways.js';

const speaker = (t: Stage, label = 'ann'): Promise<Peer> =>
  t.connect(label, { claims: { scope: 'chat parlor:broadcast' } });

const all = (peer: Peer, text: string) => peer.request('broadcast', { text });

// Holds a connection to have received so many broadcasts, each once.
async function hearsAll(t: Stage, peer: Peer, count: number, hint: string): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const missing = await t.finds(() => peer.receives('broadcast'));
    if (missing) t.fail({ expected: missing.expected, actual: missing.actual, hint });
  }
  await peer.echoesPing();
  t.equal(
    peer.received('broadcast').length,
    count,
    `the number of events that ${count} accepted broadcasts cause on ${peer.label}'s connection`,
  );
}

// A broadcast reaches the connections of every check, so that these run alone.
const alone = { alone: 'apart' } as const;

/** The checks of spec/broadcast.md. */
export const broadcast = [
  check(
    'broadcast-delivered-to-everyone-once',
    async (t) => {
      const ann = await speaker(t);
      const [bob] = await t.join('lounge', 'bob');
      await bob?.joins('foyer');
      const others = [ann, bob, await t.connect('bob'), await t.connect('cid')] as Peer[];
      await ann.acked('broadcast', { text: 'fire drill', meta: { at: 'noon' } });
      await ann.acked('broadcast', { text: 'the end' });
      for (const peer of others) {
        const event = await peer.receives('broadcast', { data: { text: 'fire drill' } });
        t.equal(
          [event.from, event.data.meta],
          [ann.user, { at: 'noon' }],
          '`from` and `meta` of the event',
        );
        await peer.receives('broadcast', { data: { text: 'the end' } });
        t.equal(
          peer.received('broadcast').length,
          2,
          `the number of events that two broadcasts cause on ${peer.label}'s connection`,
        );
      }
    },
    alone,
  ),

  check(
    'broadcast-delivered-to-everyone-once',
    async (t) => {
      const ways = await otherWays(t, { claims: { scope: 'parlor:broadcast' } });
      const inQuery = await t.connect('bob');
      for (const { where, peer } of ways) {
        const { type, data } = await all(peer, where);
        t.assert(type === 'ack', {
          expected: `an ack of the broadcast: a token with the scope parlor:broadcast came ${where}`,
          actual: `${peer.label} received ${type} ${data.code ?? ''}`,
          hint: oneWay(where),
        });
      }
      for (const { where, peer } of [...ways, { where: 'in the query', peer: inQuery }])
        await hearsAll(t, peer, ways.length, oneWay(where));
    },
    { ...alone, variant: 'each-way' },
  ),

  check(
    'broadcast-delivered-to-everyone-once',
    async (t) => {
      t.needs('session');
      const browser = await welcomed(t, sending(t, cookieOf(t.session(0))));
      const ann = await speaker(t);
      await ann.acked('broadcast', { text: 'to the browsers, too' });
      await ann.receives('broadcast');
      const hint =
        'This connection came with a session: it is welcomed like any other, and a broadcast goes to all.';
      await hearsAll(t, browser, 1, hint);
    },
    { ...alone, needs, variant: 'session' },
  ),

  check(
    'broadcast-scope-required',
    async (t) => {
      const entitled = 'parlor:broadcast';
      for (const scope of [
        undefined,
        '',
        'chat',
        [entitled],
        { [entitled]: true },
        42,
        true,
        null,
      ]) {
        const eve = await t.connect('eve', { claims: { scope } });
        await eve.refuses('forbidden', () => all(eve, 'x'));
      }
    },
    alone,
  ),

  check(
    'broadcast-scope-required',
    async (t) => {
      const scoped = { claims: { scope: 'parlor:broadcast' } };
      // Whichever of the two connections comes first.
      for (const [label, options] of [
        ['ann', [{}, scoped]],
        ['bob', [scoped, {}]],
      ] as const) {
        const peers = [];
        for (const each of options) peers.push(await t.connect(label, each));
        for (const [index, peer] of peers.entries()) {
          if (options[index] === scoped) continue;
          const reply = await all(peer, 'x');
          t.assert(reply.type === 'error' && reply.data.code === 'forbidden', {
            expected: 'forbidden, for the token of this connection has no scope parlor:broadcast',
            actual: `${peer.label} received ${reply.type} ${reply.data.code ?? ''}`,
            hint: "Keep the scopes with the connection: those of the user's other connections are not its own.",
          });
        }
      }
    },
    { ...alone, variant: 'two-connections' },
  ),

  check(
    'broadcast-scope-exact',
    async (t) => {
      for (const scope of [
        'parlor:broadcaster',
        'xparlor:broadcast',
        'parlor:broadcast.read',
        'PARLOR:BROADCAST',
        'parlor broadcast',
        'parlor:broadcast,chat',
      ]) {
        const eve = await t.connect('eve', { claims: { scope } });
        await eve.refuses('forbidden', () => all(eve, 'x'));
      }
      const ann = await speaker(t);
      await ann.acked('broadcast', { text: 'with the scope itself' });
    },
    alone,
  ),

  check(
    'broadcast-refused-reaches-nobody',
    async (t) => {
      const eve = await t.connect('eve');
      const bob = await t.connect('bob');
      const ann = await speaker(t);
      await eve.refuses('forbidden', () => all(eve, 'refused'));
      await ann.refuses('invalid_payload', () => all(ann, ''));
      await ann.acked('broadcast', { text: 'afterwards' });
      for (const peer of [bob, eve]) {
        await peer.receives('broadcast', { data: { text: 'afterwards' } });
        t.equal(
          peer.received('broadcast').length,
          1,
          'the number of broadcasts that arrived, of which one was accepted,',
        );
      }
    },
    alone,
  ),

  check(
    'broadcast-not-before-welcome',
    async (t) => {
      t.needs('auth_message');
      const waiting = await t.open({
        label: 'waiting',
        subprotocols: ['parlor.v1'],
        query: ASKED,
      });
      const ann = await speaker(t);
      await ann.acked('broadcast', { text: 'too early for some' });
      await ann.receives('broadcast');
      waiting.send('auth', { token: t.mint('waiting') });
      await waiting.receives('welcome');
      t.equal(
        waiting.received()[0]?.type,
        'welcome',
        'the first message of a connection that waited during a broadcast',
      );
      t.equal(
        waiting.received('broadcast').length,
        0,
        'the number of broadcasts from before its welcome',
      );
    },
    alone,
  ),

  // Counters of one type each collide where both begin, so that it takes a server that has just begun.
  check(
    'chat-ids-unique',
    async (t) => {
      t.needs('broadcast');
      const ann = await speaker(t);
      await ann.joins('lounge');
      const told = t.announces('direct') ? 3 : 2;
      const rounds = Math.min(3, Math.floor(t.rate('messages').limit / told));
      if (rounds === 0) t.notExercised('the announced rate does not allow one event of each type');
      const ids: unknown[] = [];
      for (let i = 0; i < rounds; i += 1) {
        ids.push((await ann.chat('lounge', 'x')).data.id);
        ids.push((await ann.acked('broadcast', { text: 'x' })).data.id);
        if (told === 3) ids.push((await ann.acked('direct', { to: ann.user, text: 'x' })).data.id);
      }
      const twice = ids.find((id, index) => ids.indexOf(id) !== index);
      t.assert(twice === undefined, {
        expected: `${ids.length} events of several types have ${ids.length} ids`,
        actual: `${JSON.stringify(twice)} is the id of two; they are ${ids.join(', ')}`,
        hint: 'Draw the ids of all types from one counter, or make them at random.',
      });
    },
    { instance: {}, variant: 'each-type' },
  ),

  check(
    'broadcast-ack-carries-event-id',
    async (t) => {
      const ann = await speaker(t);
      const bob = await t.connect('bob');
      const ack = await ann.acked('broadcast', { text: 'hear, hear' });
      t.equal(
        (await bob.receives('broadcast')).id,
        ack.data.id,
        '`id` of the event, compared with `data.id` of the ack,',
      );
    },
    alone,
  ),
];
