import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import { Attempts, messagesRate } from './attempts.js';
import { shows } from './pictures.js';
import { MANY, talks } from './resume.returns.js';
import { DEDUP_MS, forgetful, patient } from './servers.js';

/** A request that may be repeated: the same `id` and text are the same request. */
interface Kind {
  type: 'chat' | 'direct' | 'broadcast' | 'binary';
  ask: (t: Stage, ann: Peer, bob: Peer, id: string, text: string) => Promise<Message>;
}

/** Ann's chat of this `id` and text, and its reply. */
export const say = (peer: Peer, id: string, text: string, extra: object = {}) =>
  peer.request('chat', { text }, { room: 'lounge', id, ...extra });

const kinds: readonly Kind[] = [
  { type: 'chat', ask: (_t, ann, _bob, id, text) => say(ann, id, text) },
  {
    type: 'direct',
    ask: (_t, ann, bob, id, text) => ann.request('direct', { to: bob.user, text }, { id }),
  },
  {
    type: 'broadcast',
    ask: (_t, ann, _bob, id, text) => ann.request('broadcast', { text }, { id }),
  },
  { type: 'binary', ask: (t, ann, _bob, id, text) => shows(t, ann, { id, payload: text }) },
];

// When a request is surely forgotten, also by a server that looks once a second.
const FORGOTTEN_MS = DEDUP_MS + 1_200;

// Ann may do everything that can be repeated.
async function pair(t: Stage, { type }: Kind): Promise<{ ann: Peer; bob: Peer }> {
  if (type !== 'chat') t.needs(type);
  const [bob] = await t.join('lounge', 'bob');
  const ann = await t.connect('ann', { claims: { scope: 'parlor:broadcast' } });
  bob.ignoreOne('join');
  await ann.joins('lounge');
  return { ann, bob };
}

function executed(t: Stage, reply: Message, what: string): Message {
  t.assert(reply.type === 'ack' && reply.data.duplicate === undefined, {
    expected: `${what} is executed, and acknowledged as new`,
    actual: `the reply is ${reply.type} ${reply.data.code ?? ''}${reply.data.duplicate ? 'with duplicate: true' : ''}`,
  });
  return reply;
}

function repeated(t: Stage, reply: Message, first: Message, what: string): void {
  const { data, type } = reply;
  t.assert(type === 'ack', {
    expected: `${what} is acknowledged`,
    actual: `the reply is ${type} ${data.code ?? ''}: ${data.message ?? ''}`,
  });
  t.equal(data, { ...first.data, duplicate: true }, `data of the ack of ${what}`);
}

// A broadcast reaches the connections of every check.
const variant = ({ type }: Kind) => ({
  ...(type === 'chat' ? {} : { variant: type }),
  ...(type === 'broadcast' ? { alone: 'apart' as const } : {}),
});

/** The checks of spec/resume.md that are about repeated requests. */
export const duplicates = [
  ...kinds.map((kind) =>
    check(
      'resume-duplicate-same-ack',
      async (t) => {
        const { ann, bob } = await pair(t, kind);
        const first = await kind.ask(t, ann, bob, 'c9', 'did this arrive?');
        executed(t, first, `the first ${kind.type}`);
        // An id that a plain object cannot hold.
        const other = await kind.ask(t, ann, bob, '__proto__', 'another');
        for (const what of ['its repetition', 'its second repetition'])
          repeated(t, await kind.ask(t, ann, bob, 'c9', 'did this arrive?'), first, what);
        const again = await kind.ask(t, ann, bob, '__proto__', 'another');
        repeated(t, again, other, 'the repetition of one with the id `__proto__`');
      },
      variant(kind),
    ),
  ),

  check(
    'resume-duplicate-same-ack',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const room = t.room('lounge');
      const texts = [
        `{"type":"chat","id":"c9","room":"${room}","data":{"text":"café","meta":{"a":1,"b":[1.5,{}]}}}`,
        `{ "room":"${room}", "data":{"meta":{"b":[15e-1,{ }],"a":1.0},"text":"caf\\u00e9"}, "id":"c9","type":"chat" }`,
        `{"type":"chat","id":"c9","room":"${room}","timestamp":"2030-01-01T00:00:00.000Z","from":"x","data":{"text":"café","meta":{"a":1,"b":[1.5,{}]},"try":2}}`,
      ];
      const replies: Message[] = [];
      for (const text of texts) {
        ann.sendText(text);
        replies.push(await ann.reply('c9', 'chat'));
      }
      const [first, ...others] = replies;
      if (first) executed(t, first, 'the first chat');
      for (const other of others)
        if (first) repeated(t, other, first, 'a repetition that is written in another way');
    },
    { variant: 'written-otherwise' },
  ),

  check(
    'resume-duplicate-same-ack',
    async (t) => {
      t.needs('direct');
      const ann = await t.connect('ann');
      const bob = await t.connect('bob');
      const tell = (id: string) => ann.request('direct', { to: bob.user, text: 'one' }, { id });
      const first = executed(t, await tell('c9'), 'the first direct');
      bob.close(1000);
      await bob.ends();
      // The server may hear of the end a moment later.
      const most = Math.min(t.rate('messages').limit - 2, 20);
      for (let i = 1; (await tell(`d${i}`)).type === 'ack'; i += 1) {
        if (i >= most) t.inconclusive('the recipient is still there');
        await t.pause(50);
      }
      repeated(t, await tell('c9'), first, 'the repetition of one whose recipient has left since');
    },
    { variant: 'recipient-gone' },
  ),

  check(
    'resume-duplicate-same-ack',
    async (t) => {
      const ann = await t.connect('ann');
      await ann.refuses('not_in_room', () => say(ann, 'c9', 'hello'));
      await ann.joins('lounge');
      const first = executed(t, await say(ann, 'c9', 'hello'), 'a chat that was refused before');
      repeated(t, await say(ann, 'c9', 'hello'), first, 'its repetition');
    },
    { variant: 'refused-before' },
  ),

  // As many as a memory holds that is bounded by its entries; some of the same user, and most of another.
  check(
    'resume-duplicate-same-ack',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const window = Number(ann.announced['dedup_window_ms']);
      const begun = performance.now();
      const mine = executed(t, await say(ann, 'c9', 'among many'), 'the first chat');
      const his = executed(t, await say(bob, 'c9', 'among many'), 'the first chat of another user');
      await talks(t, bob, MANY);
      const again = [await say(ann, 'c9', 'among many'), await say(bob, 'c9', 'among many')];
      if (performance.now() - begun >= window)
        t.tooLate(`${MANY} messages take longer than dedup_window_ms`);
      const after = `after ${MANY} other messages`;
      for (const [i, first] of [mine, his].entries())
        if (again[i]) repeated(t, again[i], first, `a repetition ${after}`);
    },
    { variant: 'among-many', ...patient },
  ),

  check(
    'resume-duplicate-same-ack',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const announced = Number(ann.welcome.data['dedup_window_ms']);
      if (announced !== DEDUP_MS)
        t.notExercised(`the instance announces a window of ${announced} ms, not ${DEDUP_MS}`);
      const first = executed(t, await say(ann, 'c9', 'again'), 'the first chat');
      executed(t, await say(ann, 'c11', 'one text'), 'a chat of one text');
      const other = executed(t, await say(ann, 'c10', 'and again'), 'the second chat');
      const over = performance.now() + FORGOTTEN_MS;
      const isOver = () => performance.now() >= over;
      // The first is repeated when all is over, the second all the time until it is new.
      for (let last = isOver(); ; last = isOver()) {
        const { type, data } = await say(ann, 'c10', 'and again');
        if (type !== 'ack' || data.id !== other.data.id) break;
        t.assert(!last, {
          expected: `a chat is executed again that was accepted more than dedup_window_ms = ${DEDUP_MS} before, however often it was repeated meanwhile`,
          actual: `it is acknowledged as a duplicate after ${FORGOTTEN_MS} ms`,
          hint: 'The window begins when the first request is accepted; a repetition does not begin it anew.',
        });
        await t.pause(DEDUP_MS / 4);
      }
      // It is older than the second, and so is new as well.
      executed(t, await say(ann, 'c11', 'another text'), 'a chat of another text after the window');
      await t.pause(Math.max(0, over - performance.now()));
      const begun = performance.now();
      const later = executed(t, await say(ann, 'c9', 'again'), 'the same chat after the window');
      t.equal(later.data.id === first.data.id, false, 'whether both events have the same id');
      const again = await say(ann, 'c9', 'again');
      // Else the window may be over that it has begun.
      if (performance.now() - begun < DEDUP_MS / 2)
        repeated(t, again, later, 'the repetition of a chat that was executed again');
    },
    {
      variant: 'after-the-window',
      ...forgetful,
      timers: true,
      takes: () => FORGOTTEN_MS,
    },
  ),

  ...kinds.map((kind) =>
    check(
      'resume-duplicate-not-delivered',
      async (t) => {
        const { ann, bob } = await pair(t, kind);
        for (let i = 0; i < 3; i += 1) await kind.ask(t, ann, bob, 'c9', 'once');
        await kind.ask(t, ann, bob, 'c10', 'the end');
        const isEnd = ({ data, payload }: Message) =>
          data.text === 'the end' || payload?.toString() === 'the end';
        await bob.receives(kind.type, isEnd);
        t.equal(
          bob.received(kind.type).length,
          2,
          `the number of events of a ${kind.type} that was sent three times, and of another`,
        );
      },
      variant(kind),
    ),
  ),

  check(
    'resume-duplicate-not-delivered',
    async (t) => {
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      const tab = await t.connect('ann');
      await tab.joins('lounge');
      // As one that reconnects while its first request is still being executed.
      const replies = await Promise.all(
        [ann, tab, ann, tab].map((peer) => say(peer, 'c9', 'at once')),
      );
      await bob.fencedBy(ann, 'lounge');
      t.equal(
        bob.received('chat', { data: { text: 'at once' } }).length,
        1,
        'the number of events of a chat that was sent four times at once, on two connections',
      );
      t.equal(
        replies.map(({ data }) => data.seq),
        [1, 1, 1, 1],
        'the seq in the four acks',
      );
      t.equal(
        replies.filter(({ data }) => data.duplicate).length,
        3,
        'the number of acks with duplicate: true',
      );
    },
    { variant: 'at-once' },
  ),

  check('resume-duplicate-free-of-quota', async (t) => {
    const [ann] = await t.join('lounge', 'ann');
    const { limit } = t.rate('messages');
    if (limit > 500) t.notExercised(`${limit} messages a window are more than this sends`);
    const first = await say(ann, 'c0', 'x');
    for (let i = 0; i < limit + 2; i += 1)
      repeated(t, await say(ann, 'c0', 'x'), first, `repetition ${i + 1}`);
    // Of the quota one message is used, so that all but one are left.
    const rest = await Promise.all(
      Array.from({ length: limit - 1 }, (_, i) => say(ann, `c${i + 1}`, 'x')),
    );
    const refused = rest.filter(({ type }) => type === 'error').length;
    t.equal(refused, 0, `the number of refusals among ${limit - 1} new messages after that`);
  }),

  check(
    'resume-duplicate-free-of-quota',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const { limit } = t.rate('messages');
      if (limit > 500) t.notExercised(`${limit} messages a window are more than this sends`);
      const [first] = await Promise.all(
        Array.from({ length: limit }, (_, i) => say(ann, `c${i}`, 'x')),
      );
      if (first)
        repeated(t, await say(ann, 'c0', 'x'), first, 'a repetition while the bucket is full');
    },
    { variant: 'full-bucket' },
  ),

  check('resume-duplicate-on-any-connection', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const first = await say(ann, 'c9', 'did this arrive?');
    const tab = await t.connect('ann');
    await tab.joins('lounge');
    repeated(t, await say(tab, 'c9', 'did this arrive?'), first, 'a repetition in another tab');
    await tab.leaves('lounge');
    const outside = await say(tab, 'c9', 'did this arrive?');
    repeated(t, outside, first, 'a repetition from outside the room');
    await tab.joins('lounge');
    for (const peer of [ann, tab]) peer.terminate();
    await bob.receives('leave');
    const [back] = await t.join('lounge', 'ann');
    repeated(t, await say(back, 'c9', 'did this arrive?'), first, 'a repetition after a reconnect');
  }),

  check('resume-ids-private-to-user', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    const first = executed(t, await say(ann, '1', 'hello'), "ann's chat");
    const second = executed(t, await say(bob, '1', 'hello'), "bob's chat of the same id and text");
    executed(t, await say(ann, '2', 'good'), "ann's second chat");
    executed(t, await say(bob, '2', 'fine'), "bob's second chat, of another text");
    t.equal(first.data.id === second.data.id, false, 'whether both events have the same id');
    for (const { user } of [ann, bob])
      await bob.receives('chat', { from: user, data: { text: 'hello' } });
  }),

  check('resume-refused-request-not-remembered', async (t) => {
    const ann = await t.connect('ann');
    await ann.refuses('not_in_room', () => say(ann, 'c9', 'hello'));
    await ann.refuses('invalid_payload', () => say(ann, 'c10', ''));
    await ann.joins('lounge');
    executed(t, await say(ann, 'c9', 'hello'), 'a chat that was not_in_room before');
    executed(t, await say(ann, 'c10', 'hello'), 'a chat whose id an invalid one has used');
    await ann.receives('chat', { data: { text: 'hello' } });
    await ann.receives('chat', { data: { text: 'hello' } });
  }),

  check(
    'resume-refused-request-not-remembered',
    async (t) => {
      t.needs('direct');
      const ann = await t.connect('ann');
      const tell = () => ann.request('direct', { to: t.user('bob'), text: 'x' }, { id: 'c9' });
      await ann.refuses('recipient_unavailable', tell);
      const bob = await t.connect('bob');
      const first = executed(t, await tell(), 'a direct that was recipient_unavailable before');
      await bob.receives('direct');
      repeated(t, await tell(), first, 'the repetition of one that was refused first');
    },
    { variant: 'direct' },
  ),

  check(
    'resume-refused-request-not-remembered',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      const rate = messagesRate(t);
      let n = 0;
      const tries = new Attempts(t, rate, () => {
        n += 1;
        return say(ann, `c${n}`, 'x');
      });
      await tries.burst(rate.limit + 1);
      tries.judge({ lastIs: 'refused' });
      await tries.untilFree();
      const reply = await say(ann, `c${rate.limit + 1}`, 'x');
      executed(t, reply, 'a chat that was rate_limited before');
    },
    {
      variant: 'rate-limited',
      timers: true,
      takes: ({ rates }) => rates.find(({ bucket }) => bucket === 'messages')?.window_ms ?? 0,
    },
  ),
];
