import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate } from '#conformance/harness/welcome.js';
import { Attempts, unfillable } from './attempts.js';
import { why } from './rates.bursts.js';
import { tight } from './rates.windows.js';
import { CLOSE_AFTER, strict } from './servers.js';

/** A request that may be repeated without an end, and the error it earns where it is not carried out. */
interface Request {
  ask: (t: Stage, peer: Peer) => Promise<Message>;
  denied?: string;
}

// Each leaves all as it was.
const requests: Readonly<Record<string, Request>> = {
  join: { ask: (_, peer) => peer.request('join', {}, { room: 'lounge' }) },
  leave: { ask: (_, peer) => peer.request('leave', {}, { room: 'elsewhere' }) },
  members: { ask: (_, peer) => peer.request('members', {}, { room: 'lounge' }) },
  typing: { ask: (_, peer) => peer.request('typing', { active: false }, { room: 'lounge' }) },
  ping: { ask: (_, peer) => peer.request('ping', {}) },
  auth: { ask: (t, peer) => peer.request('auth', { token: t.mint(peer.label) }) },
  direct: {
    ask: (t, peer) => peer.request('direct', { to: t.user('nobody'), text: 'x' }),
    denied: 'recipient_unavailable',
  },
};

// A connection of a user of its own that is in a room, and the log of what it sends of one type.
async function only(t: Stage, type: string): Promise<{ peer: Peer; tries: Attempts }> {
  const peer = await t.connect(`only-${type}`);
  const rate = peer.announced.rates.find(({ types }) => types.includes(type)) as Rate;
  const { ask, denied } = requests[type] as Request;
  const tries = new Attempts(t, rate, () => ask(t, peer), denied);
  const { types } = rate;
  // The join that these need counts as well, where it is of their bucket.
  if (types.includes('join')) await tries.goOn(() => peer.request('join', {}, LOUNGE)).burst(1);
  else await peer.joins('lounge');
  return { peer, tries };
}

const LOUNGE = { room: 'lounge' };

async function fillable(t: Stage): Promise<{ types: string[] }> {
  const { rates } = (await t.connect('ann')).announced;
  const some = rates.filter(
    (rate) => unfillable(rate) === undefined && rate.limit > 1 && rate.close_after !== 1,
  );
  const types = some.flatMap((rate) => rate.types).filter((type) => Object.hasOwn(requests, type));
  return types.length === 0 ? t.notExercised('no bucket can be filled') : { types };
}

/** The checks of spec/rates.md that hold for any bucket and type. */
export const control = [
  check(
    'rates-over-refused',
    async (t) => {
      const { types } = await fillable(t);
      await Promise.all(
        types.map(async (type) => {
          const { tries } = await only(t, type);
          await tries.burst(tries.rate.limit + 1 - tries.admitted);
          const guess = `Ask the limiter for each \`${type}\`: the bucket ${tries.rate.bucket} lists it, whatever becomes of the message.`;
          tries.judge({ lastIs: 'refused', hint: await why(t, tries, guess, type) });
        }),
      );
    },
    { ...strict, variant: 'each-type' },
  ),

  check(
    'rates-retry-after-tight',
    async (t) => {
      await fillable(t);
      const peer = await t.connect('bob');
      const rate = peer.announced.rates.find(
        ({ bucket, types }) => bucket !== 'messages' && types.includes('ping'),
      );
      if (!rate || unfillable(rate) !== undefined || rate.limit < 2)
        return t.notExercised('no further bucket that can be filled counts ping');
      await tight(t, new Attempts(t, rate, () => peer.request('ping', {})));
    },
    { ...strict, variant: 'control', timers: true, takes: () => 1_500 },
  ),

  check(
    'rates-close-after-not-before',
    async (t) => {
      const ann = await t.connect('ann');
      const messages = ann.announced.rates.find(({ bucket }) => bucket === 'messages');
      const other = ann.announced.rates.find(
        ({ bucket, types, close_after }) =>
          bucket !== 'messages' &&
          types.includes('ping') &&
          (close_after === 0 || close_after >= 2 * CLOSE_AFTER),
      );
      if (!messages || !other || messages.close_after !== CLOSE_AFTER)
        return t.notExercised('no two buckets of which one closes later than the other');
      const reason = unfillable(messages) ?? unfillable(other);
      if (reason !== undefined) return t.notExercised(reason);
      await ann.joins('lounge');
      const burst = async (type: string, data: object, count: number, extra = {}) =>
        Promise.all(Array.from({ length: count }, () => ann.request(type, data, extra)));
      await burst('ping', {}, other.limit + messages.close_after);
      const most = messages.limit + messages.close_after - 1;
      await burst('chat', { text: 'x' }, most, LOUNGE);
      await ann.echoesPing();
    },
    { ...strict, variant: 'other-bucket' },
  ),
];
