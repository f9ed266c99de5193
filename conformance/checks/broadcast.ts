import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

const speaker = (t: Stage, label = 'ann'): Promise<Peer> =>
  t.connect(label, { claims: { scope: 'chat parlor:broadcast' } });

const all = (peer: Peer, text: string) => peer.request('broadcast', { text });

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
    'broadcast-scope-required',
    async (t) => {
      for (const claims of [{}, { scope: '' }, { scope: 'chat' }]) {
        const eve = await t.connect('eve', { claims });
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
      if (!t.welcome.features.includes('auth_message'))
        return t.notExercised('the target does not announce auth_message');
      const waiting = await t.open({
        label: 'waiting',
        subprotocols: ['parlor.v1'],
        query: [['auth', 'message']],
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
