import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import { showsAcked } from './pictures.js';
import {
  comesBack,
  few,
  keeps,
  MANY,
  past,
  recoversAll,
  seqs,
  sequenced,
  talks,
  verdict,
} from './resume.returns.js';
import { forgetful, patient, RESUME_MS } from './servers.js';

/** The checks of spec/resume.md of what is replayed. */
export const replays = [
  check('resume-missed-events-replayed', async (t) => {
    const before = await past(t);
    recoversAll(t, await comesBack(t, before, 2), before.events.slice(2));
  }),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const before = await past(t, 4);
      recoversAll(t, await comesBack(t, before, 1, { label: 'cat' }), before.events.slice(1));
    },
    { variant: 'never-a-member' },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const { epoch, bob, events } = await past(t, 3);
      const cat = await t.connect('cat');
      cat.send('join', { since: { epoch, seq: 1 } }, { room: 'lounge' });
      await bob.receives('join', { data: { user: cat.user } });
      await cat.fencedBy(bob, 'lounge');
      t.equal(
        seqs(cat.received('*', { data: { replay: true } })),
        seqs(events.slice(1)),
        'the seq of the events that are replayed to a join without an id',
      );
    },
    { variant: 'without-id' },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const { epoch, bob } = await past(t, 1);
      keeps(t, bob, 2);
      const begun = performance.now();
      await t.pause(0.85 * RESUME_MS);
      const since = performance.now();
      await talks(t, bob, 2);
      const events = await sequenced(bob, 2, 3);
      await t.pause(Math.max(0, begun + 1.05 * RESUME_MS - performance.now()));
      const back = await comesBack(t, { epoch, bob }, 1);
      // By then the first event has expired, which nobody asks for, and these have not.
      if (performance.now() - since >= (bob.announced.resume?.window_ms ?? 0))
        t.tooLate('who comes back takes longer than window_ms');
      recoversAll(t, back, events);
    },
    { variant: 'older-expired', ...forgetful, timers: true, takes: () => RESUME_MS },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      t.needs('binary');
      const { epoch, bob } = await past(t, 1);
      await bob.chat('lounge', 'look');
      await showsAcked(t, bob);
      await bob.chat('lounge', 'nice?');
      const events = await sequenced(bob, 2, 4);
      recoversAll(t, await comesBack(t, { epoch, bob }, 1), events);
    },
    { variant: 'binary' },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const before = await past(t, 8);
      keeps(t, before.bob, 5);
      // As many elsewhere: each room has a history of its own.
      await before.bob.joins('hall');
      for (let i = 0; i < 5; i += 1) await before.bob.chat('hall', `thing ${i}`);
      recoversAll(t, await comesBack(t, before, 3), before.events.slice(3));
    },
    { variant: 'as-many-as-announced', ...few },
  ),

  check(
    'resume-missed-events-replayed',
    async (t) => {
      const { epoch, bob } = await past(t, 1);
      keeps(t, bob, MANY + 1);
      await talks(t, bob, MANY);
      const events = await sequenced(bob, 2, MANY + 1);
      recoversAll(t, await comesBack(t, { epoch, bob }, 1), events);
    },
    {
      variant: 'long',
      ...patient,
    },
  ),

  check('resume-replay-marked', async (t) => {
    const { epoch, bob } = await past(t, 3);
    keeps(t, bob, 4);
    if (t.announces('binary')) await showsAcked(t, bob);
    const { replayed } = await comesBack(t, { epoch, bob }, 0);
    if (replayed.length === 0) t.vacuous('nothing was replayed');
    for (const { type, data } of replayed)
      t.equal(data.replay, true, `data.replay of a replayed ${type}`);
  }),

  check('resume-live-events-unmarked', async (t) => {
    const { epoch, bob } = await past(t, 3);
    const { peer } = await comesBack(t, { epoch, bob }, 1);
    await bob.chat('lounge', 'from bob');
    await peer.acked('chat', { text: 'from ann', replay: true }, { room: 'lounge' });
    for (const member of [peer, bob])
      for (const text of ['from bob', 'from ann']) {
        const { data } = await member.receives('chat', { data: { text } });
        t.equal('replay' in data, false, `whether the live event ${text} has data.replay`);
      }
  }),

  check('resume-replayed-events-unchanged', async (t) => {
    const { epoch, bob, events } = await past(t, 4);
    if (t.announces('binary')) {
      await showsAcked(t, bob, { data: { name: 'dot.png', meta: { n: 1 } } });
      await showsAcked(t, bob, { payload: '' });
      events.push(...(await sequenced(bob, 5, 6)));
    }
    // What is stamped anew has another time by then.
    await t.pause(5);
    const { replayed } = await comesBack(t, { epoch, bob }, 0);
    for (const [i, event] of events.entries()) {
      const { data: { replay: _, ...data } = {}, ...rest } =
        replayed[i] ?? ({} as Partial<Message>);
      const plain = ({ payload, ...message }: Partial<Message>) => ({
        ...message,
        payload: payload?.toString('hex'),
      });
      t.equal(plain({ ...rest, data }), plain(event), `the replayed event ${event.seq}`);
    }
  }),

  check('resume-ack-counts-replay', async (t) => {
    const { epoch, bob } = await past(t, 5);
    for (const [seq, label] of [
      [1, 'ann'],
      [4, 'cat'],
      [0, 'dan'],
    ] as const) {
      const { ack, replayed } = await comesBack(t, { epoch, bob }, seq, { label });
      t.equal(
        verdict(ack),
        { recovered: true, replayed: (ack.data.seq ?? 0) - seq },
        `what the ack says to a since of ${seq} where seq is ${ack.data.seq}`,
      );
      t.equal(replayed.length, ack.data.replayed, 'the number of events that follow it');
    }
  }),

  check('resume-replay-before-live', async (t) => {
    const { epoch, bob } = await past(t, 5);
    const [cat, dan, eve] = await t.join('lounge', 'cat', 'dan', 'eve');
    const chat = (peer: Peer, text: string) => peer.chat('lounge', text);
    const back = await Promise.all(['ann', 'fay', 'gil', 'hal'].map((label) => t.connect(label)));
    // Each join has live events before, beside and behind it.
    const joins = back.map((peer, i) => {
      const before = [chat(cat, `${i} a`), chat(cat, `${i} b`)];
      const join = peer.joins('lounge', { since: { epoch, seq: 2 } });
      return { join, chats: [...before, chat(dan, `${i} c`), chat(dan, `${i} d`)] };
    });
    const acks = await Promise.all(joins.flatMap(({ chats }) => chats));
    await Promise.all(joins.map(({ join }) => join));
    for (let i = 0; i < 8; i += 1) acks.push(await chat(eve, `${i} e`));
    const last = Math.max(...acks.map(({ data }) => data.seq ?? 0));
    for (const peer of back) {
      await peer.fencedBy(bob, 'lounge');
      const came = peer.received('*', ({ seq }) => seq !== undefined && seq <= last);
      t.equal(
        seqs(came),
        Array.from({ length: last - 2 }, (_, i) => 3 + i),
        'the seq of what a returning connection receives, replayed and then live',
      );
      const marks = came.map(({ data }) => data.replay === true);
      t.equal(marks, marks.toSorted().reverse(), 'whether each event is a replay, in this order');
    }
  }),
];
