import { check } from '#conformance/harness/check.js';
import { encodeFrame, opcodes } from '#conformance/harness/frames.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Changes } from '#conformance/harness/tokens.js';
import { expires, inTime, lasting, leavesTime, soon } from './authentication.lifetime.js';
import { mostConnections, mostRooms } from './capacity.js';
import { err, spendsBy } from './errors.budget.js';
import { welcomed } from './openings.js';
import { start, why } from './rates.bursts.js';

const DAY_S = 86_400;

const refresh = (t: Stage, peer: Peer, claims: Record<string, unknown> = {}): Promise<Message> =>
  peer.acked('auth', { token: t.mint('ann', claims) });

const WHOLE =
  'After an auth the claims of the new token count, and nothing of the old ones: replace what you keep of a connection as a whole. A claim that the new token does not have is absent, and does not stay as it was.';

async function allowed(t: Stage, ann: Peer, room: string, because: string): Promise<void> {
  const { type, data } = await ann.request('join', {}, { room });
  t.assert(type === 'ack', {
    expected: `an ack of the join of a room that is allowed: ${because}`,
    actual: `the reply is ${type} ${data.code ?? ''}: ${data.message ?? ''}`,
    hint: WHOLE,
  });
}

const OWN =
  'Each connection has its own token, and an auth renews that of the connection that it comes on: keep claims and timers by connection, and not by user.';

// Two connections of a user. @throws NotExercised where a user may have one only
async function twoOf(t: Stage, claims: Changes): Promise<[Peer, Peer]> {
  if (mostConnections(t) < 2) t.notExercised('a user may have one connection only');
  const open = () => welcomed(t, { token: t.mint('ann', claims) }, 'ann');
  return [await open(), await open()];
}

// More protocol errors than these take too long.
const MOST_ERRORS = 200;

// The budget for protocol errors. @throws NotExercised where it is too large, or spent by the first
function affordable(t: Stage): number {
  const { max_protocol_errors: budget, protocol_error_window_ms: window } = t.welcome.limits;
  if (budget > MOST_ERRORS || budget < 2 || window < 5_000)
    t.notExercised(`${budget} protocol errors in ${window} ms are not what this check can make`);
  return budget;
}

/** The checks of what else depends on the token of a connection, or must not. */
export const refreshed = [
  check(
    'authentication-far-expiry-kept',
    async (t) => {
      t.needs('auth_refresh');
      // More than 2^31 ms; the second stays more where it is cut to 32 bits.
      const peers = await Promise.all([t.connect('ann'), t.connect('ann')]);
      const days = [40, 10_000];
      for (const [index, peer] of peers.entries())
        await refresh(t, peer, { exp: soon(Number(days[index]) * DAY_S) });
      // A timer that was set for too long fires at once.
      await t.pause(100);
      for (const [index, peer] of peers.entries()) {
        if (peer.closed)
          t.fail({
            expected: `the connection stays open after an auth with a token for ${days[index]} days`,
            actual: `${peer.label}: ${peer.closed.detail}`,
            hint: 'A timer of 32 bits that is set for more than 2,147,483,647 ms fires at once. Set it for that long at most, look again when it fires, and set every timer in one place: at the welcome and after an auth alike.',
          });
        await peer.staysOpen();
      }
    },
    { variant: 'refreshed' },
  ),

  check(
    'rooms-claim-allows',
    async (t) => {
      t.needs('auth_refresh');
      const ann = await t.connect('ann', { claims: { rooms: [t.room('lounge')] } });
      await ann.refuses('forbidden', () => ann.request('join', {}, { room: 'hall' }));
      await refresh(t, ann, { rooms: [t.room('lounge'), t.room('hall')] });
      await allowed(t, ann, 'hall', 'the token of the last acknowledged auth lists it');
      await refresh(t, ann);
      await allowed(t, ann, 'board', 'the token of the last acknowledged auth has no claim rooms');
    },
    { variant: 'refreshed' },
  ),

  check(
    'rooms-claim-forbids',
    async (t) => {
      t.needs('auth_refresh');
      const [laptop, phone] = await twoOf(t, { rooms: [t.room('lounge')] });
      await refresh(t, phone);
      await allowed(t, phone, 'hall', 'the token of the last acknowledged auth allows all rooms');
      const { type, data } = await laptop.request('join', {}, { room: 'hall' });
      t.assert(type === 'error' && data.code === 'forbidden', {
        expected: 'forbidden, for the token of this connection does not list the room',
        actual: `${laptop.label} received ${type} ${data.code ?? ''}`,
        hint: OWN,
      });
    },
    { variant: 'other-refreshed' },
  ),

  check(
    'authentication-expiry-closes',
    async (t) => {
      t.needs('auth_refresh');
      const exp = soon();
      const [laptop, phone] = await inTime(t, exp, () => twoOf(t, { exp }));
      leavesTime(t, laptop, exp);
      await inTime(t, exp, () => refresh(t, phone));
      await expires(t, laptop, exp, OWN);
      await phone.staysOpen();
    },
    { ...lasting, variant: 'other-refreshed' },
  ),

  check(
    'authentication-expiry-not-early',
    async (t) => {
      t.needs('auth_refresh');
      const [laptop, phone] = await twoOf(t, {});
      const exp = soon();
      await inTime(t, exp, () => refresh(t, phone, { exp }));
      await expires(t, phone, exp);
      const silent = await t.finds(() => laptop.echoesPing());
      if (laptop.closed?.reason === 'token_expired')
        t.fail({
          expected: 'the connection stays open, whose token ends tomorrow',
          actual:
            "it was closed with token_expired when the token ended that the user's other connection was given by an auth",
          hint: OWN,
        });
      if (silent) throw silent;
      await laptop.staysOpen();
    },
    { ...lasting, variant: 'other-refreshed' },
  ),

  check(
    'errors-budget-spent',
    async (t) => {
      t.needs('auth_refresh');
      const budget = affordable(t);
      const ann = await t.connect('ann');
      const since = performance.now();
      await err(ann, budget - 1);
      await refresh(t, ann);
      await spendsBy(t, ann, since + t.welcome.limits.protocol_error_window_ms);
      const hint =
        'The auth before the last protocol error has given the budget back: with a new token nothing changes but what its claims say.';
      await ann.closes(4000, 'too_many_protocol_errors', 0, hint);
    },
    { variant: 'refreshed' },
  ),

  check(
    'errors-budget-malformed-only',
    async (t) => {
      t.needs('auth_refresh');
      const count = affordable(t) + 2;
      if (t.limitOf('auth') < count)
        t.notExercised('the announced rate does not allow so many requests');
      const ann = await t.connect('ann');
      const token = t.mint('ann', { exp: 1 });
      for (let i = 0; i < count; i += 1)
        await ann.refuses('auth_failed', () => ann.request('auth', { token }));
      await ann.staysOpen();
    },
    { variant: 'auth-failed' },
  ),

  check(
    'broadcast-scope-required',
    async (t) => {
      t.needs('auth_refresh');
      const ann = await t.connect('ann', { claims: { scope: 'parlor:broadcast' } });
      await refresh(t, ann);
      const { type, data } = await ann.request('broadcast', { text: 'x' });
      t.assert(type === 'error' && data.code === 'forbidden', {
        expected: 'forbidden, for the token of the last acknowledged auth has no scope',
        actual: `${ann.label} received ${type} ${data.code ?? ''}`,
        hint: WHOLE,
      });
      await refresh(t, ann, { scope: 'parlor:broadcast' });
      const again = await ann.request('broadcast', { text: 'x' });
      t.assert(again.type === 'ack', {
        expected: 'an ack, for the token of the last acknowledged auth has the scope',
        actual: `${ann.label} received ${again.type} ${again.data.code ?? ''}`,
        hint: WHOLE,
      });
    },
    // Where it is wrongly accepted, it reaches the connections of every check.
    { variant: 'refreshed', alone: 'apart' },
  ),

  check(
    'limits-rooms-reached',
    async (t) => {
      t.needs('auth_refresh');
      const most = mostRooms(t);
      const ann = await t.connect('ann');
      await ann.joins('taken-away');
      await refresh(t, ann, { rooms: [] });
      // A server that takes the connection out after the ack says here that it has.
      const untold = await t.finds(() => ann.receives('leave', { room: 'taken-away' }));
      if (untold) t.notSeen(`the connection was not told that it left the room: ${untold.actual}`);
      await refresh(t, ann);
      const rooms = Array.from({ length: most }, (_, i) => `room-${i}`);
      const replies = await Promise.all(rooms.map((room) => ann.request('join', {}, { room })));
      const refused = replies.filter(({ data }) => data.code === 'too_many_rooms').length;
      t.assert(refused === 0, {
        expected: `a connection joins max_rooms = ${most} rooms after a token took it out of another`,
        actual: `${refused} of the joins are answered with too_many_rooms`,
        hint: 'Whoever takes a connection out of a room has to free its place, whatever the reason: count the rooms that the connection is in, and keep no counter beside them.',
      });
      for (const { type, data } of replies)
        t.equal(type === 'error' ? data.code : type, 'ack', 'the reply to a join');
    },
    { variant: 'narrowed' },
  ),

  check(
    'messages-reply-order',
    async (t) => {
      t.needs('auth_refresh');
      const ann = await t.connect('ann');
      const valid = () => ({ token: t.mint('ann') });
      const expired = () => ({ token: t.mint('ann', { exp: 1 }) });
      const asked = [valid, expired, valid].flatMap((data, i) => [
        { type: 'auth', id: `auth-${i}`, data: data() },
        { type: 'ping', id: `ping-${i}` },
      ]);
      for (const { id, type } of asked) ann.expectReply(id, type);
      // In one segment, so that the pings are there while the tokens are checked.
      const frames = asked.map((each) =>
        encodeFrame({ opcode: opcodes.text, payload: JSON.stringify(each) }),
      );
      ann.write(Buffer.concat(frames));
      const ids = asked.map(({ id }) => id);
      for (const [index, id] of ids.entries()) await ann.reply(id, asked[index]?.type);
      const refs = ann.received('*', ({ ref }) => ids.includes(ref ?? '')).map(({ ref }) => ref);
      t.assert(refs.join() === ids.join(), {
        expected: `the replies come in the order of the requests: ${ids.join(', ')}`,
        actual: `they come in this order: ${refs.join(', ')}`,
        hint: 'To check a token takes a moment: what follows an auth on its connection has to wait until it is answered. Handle the messages of a connection one after the other, also where a handler is asynchronous.',
      });
    },
    { variant: 'auth' },
  ),

  check(
    'resume-duplicate-same-ack',
    async (t) => {
      t.needs('auth_refresh');
      const [ann] = await t.join('lounge', 'ann');
      const say = () => ann.request('chat', { text: 'once' }, { room: 'lounge', id: 'c9' });
      const first = await say();
      t.equal(first.type, 'ack', 'the reply to a chat');
      await refresh(t, ann);
      const again = await say();
      t.assert(again.type === 'ack' && again.data.duplicate === true, {
        expected: 'a chat that is repeated after an auth is acknowledged with duplicate: true',
        actual: `the reply is ${again.type} ${again.data.code ?? 'without duplicate: true'}`,
        hint: "Keep accepted requests by user, and leave them alone when the user's token changes.",
      });
      t.equal(again.data, { ...first.data, duplicate: true }, 'data of the ack of the repetition');
    },
    { variant: 'refreshed' },
  ),

  check(
    'rates-over-refused',
    async (t) => {
      t.needs('auth_refresh');
      const { peer, tries } = await start(t);
      if (tries.rate.types.includes('auth')) t.notExercised('an auth counts in this bucket, too');
      await tries.burst(tries.rate.limit);
      await refresh(t, peer);
      await tries.burst(1);
      const guess =
        'The auth before the last message has cleared the log: keep it by user, or by connection where that is announced, and leave it alone when the token changes. Else whoever sends an auth may send without a bound.';
      tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess) });
    },
    { variant: 'refreshed' },
  ),
];
