import { check } from '#conformance/harness/check.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

async function trio(t: Stage): Promise<[Peer, Peer, Peer]> {
  return [await t.connect('ann'), await t.connect('bob'), await t.connect('eve')];
}

const tell = (peer: Peer, to: unknown, text: string) => peer.request('direct', { to, text });

/** The checks of spec/direct.md. */
export const direct = [
  check('direct-delivered-to-each-connection', async (t) => {
    const ann = await t.connect('ann');
    const tabs = [await t.connect('bob'), await t.connect('bob')];
    await ann.acked('direct', { to: tabs[0]?.user, text: 'psst', meta: { a: 1 } });
    await ann.acked('direct', { to: tabs[0]?.user, text: 'the end' });
    for (const tab of tabs) {
      const event = await tab.receives('direct', { data: { text: 'psst' } });
      t.equal(
        [event.from, event.data['to'], event.data.meta],
        [ann.user, tab.user, { a: 1 }],
        '`from`, `to` and `meta` of the event',
      );
      await tab.receives('direct', { data: { text: 'the end' } });
      t.equal(
        tab.received('direct').length,
        2,
        'the number of events that two direct messages cause on each connection',
      );
    }
  }),

  check('direct-reaches-nobody-else', async (t) => {
    const [ann, bob, eve] = await trio(t);
    const tab = await t.connect('ann');
    const near = [await t.connect('bobby'), await t.connect('BOB')];
    await ann.acked('direct', { to: bob.user, text: 'psst' });
    await bob.receives('direct');
    // A message from the same sender, sent afterwards: what was under way before it has arrived.
    for (const other of [eve, tab, ...near]) {
      if (other.user === bob.user) continue;
      await ann.acked('direct', { to: other.user, text: 'for you' });
      await other.receives('direct', { data: { text: 'for you' } });
      await other.hearsNothing({ except: other === tab || other === ann ? ['direct'] : [] });
      t.equal(
        other.received('direct', { data: { text: 'psst' } }).length,
        0,
        `the number of copies that ${other.label} received`,
      );
    }
  }),

  check(
    'direct-reaches-nobody-else',
    async (t) => {
      const ann = await t.connect('ann');
      // One name in two spellings: two users.
      const zoes = [await t.connect('zo\u00eb'), await t.connect('zoe\u0308')];
      for (const [i, { user }] of zoes.entries())
        await ann.acked('direct', { to: user, text: `for zoe ${i}` });
      for (const [i, zoe] of zoes.entries()) {
        await zoe.receives('direct', { data: { text: `for zoe ${i}` } });
        t.equal(
          zoe.received('direct').map(({ data }) => data.text),
          [`for zoe ${i}`],
          'the texts that reach one of two users whose names differ in their normalisation',
        );
      }
    },
    { variant: 'spelt-otherwise' },
  ),

  check('direct-ack-carries-event-id', async (t) => {
    const [ann, bob] = await trio(t);
    const ack = await ann.acked('direct', { to: bob.user, text: 'psst' });
    t.equal(
      (await bob.receives('direct')).id,
      ack.data.id,
      '`id` of the event, compared with `data.id` of the ack,',
    );
  }),

  check('direct-offline-recipient-unavailable', async (t) => {
    const [ann, bob] = await trio(t);
    bob.close(1000);
    await bob.ends();
    // The server may still be at it when the closing handshake is over.
    const gone = async () => {
      for (;;) {
        const reply = await tell(ann, bob.user, 'anybody there?');
        if (reply.type === 'error' || ann.received('ack').length >= t.rate('messages').limit - 1)
          return reply;
        await t.pause(50);
      }
    };
    await ann.refuses('recipient_unavailable', gone);
  }),

  check(
    'direct-offline-recipient-unavailable',
    async (t) => {
      const ann = await t.connect('ann');
      // Users whom no check connects, and whom a plain object as a table seems to know; names of 255 bytes.
      const long = ['x'.repeat(255), `${'é'.repeat(127)}x`];
      for (const to of ['hasOwnProperty', 'isPrototypeOf', ...long])
        await ann.refuses('recipient_unavailable', () => tell(ann, to, 'anybody there?'));
    },
    { variant: 'named-like-members' },
  ),

  check(
    'direct-offline-recipient-unavailable',
    async (t) => {
      const [ann, bob] = await trio(t);
      for (const to of [`${bob.user} `, ` ${bob.user}`])
        await ann.refuses('recipient_unavailable', () => tell(ann, to, 'anybody there?'));
      await ann.acked('direct', { to: bob.user, text: 'psst' });
      const { data } = await bob.receives('direct');
      t.equal(data.text, 'psst', 'the text of the first message to bob, byte for byte,');
    },
    { variant: 'padded' },
  ),

  check('direct-unknown-and-offline-alike', async (t) => {
    const [ann, bob] = await trio(t);
    bob.close(1000);
    await bob.ends();
    await t.pause(100);
    const offline = await ann.refuses('recipient_unavailable', () => tell(ann, bob.user, 'x'));
    const unknown = await ann.refuses('recipient_unavailable', () =>
      tell(ann, t.user('nobody-ever'), 'x'),
    );
    const { ref: _, timestamp: __, ...one } = offline;
    const { ref: ___, timestamp: ____, ...other } = unknown;
    t.equal(
      other,
      one,
      'the error for an unknown user, compared with that for one who is offline,',
    );
  }),

  check('direct-to-oneself-delivered', async (t) => {
    const tabs = [await t.connect('ann'), await t.connect('ann')];
    await tabs[0]?.acked('direct', { to: tabs[0].user, text: 'milk' });
    for (const tab of tabs) await tab.receives('direct', { data: { text: 'milk' } });
  }),

  check('direct-order-kept', async (t) => {
    const [ann, bob] = await trio(t);
    const count = Math.min(t.rate('messages').limit, 50);
    for (let i = 0; i < count; i += 1) ann.send('direct', { to: bob.user, text: `${i}` });
    await bob.receives('direct', { data: { text: `${count - 1}` } });
    t.equal(
      bob.received('direct').map(({ data }) => data.text),
      Array.from({ length: count }, (_, i) => `${i}`),
      'the order of the texts',
    );
  }),

  check('direct-recipient-validated', async (t) => {
    const ann = await t.connect('ann');
    const long = ['x'.repeat(256), 'é'.repeat(128)];
    for (const to of [undefined, '', 5, null, ['bob'], ...long, 'a\nb', 0, false])
      await ann.refuses('invalid_payload', () => tell(ann, to, 'x'), { path: '/data/to' });
  }),

  check('direct-text-limit-enforced', async (t) => {
    const [ann, bob] = await trio(t);
    const { max_text_bytes: limit } = t.welcome.limits;
    await ann.refuses('invalid_payload', () => tell(ann, bob.user, 'a'.repeat(limit + 1)), {
      path: '/data/text',
      limit,
    });
    await ann.acked('direct', { to: bob.user, text: 'a'.repeat(limit) });
    await bob.receives('direct');
  }),
];
