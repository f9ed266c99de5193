import { check } from '#conformance/harness/check.js';
import type { Message } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Rate } from '#conformance/harness/welcome.js';
import { Attempts, inWindow, unfillable } from './attempts.js';
import { whyMore } from './excess.js';
import { why } from './rates.bursts.js';
import { tight, waited } from './rates.windows.js';
import { CLOSE_AFTER, strict } from './servers.js';

/** A request that may be repeated without an end, and the error it earns where it is not carried out. */
interface Request {
  ask: (t: Stage, peer: Peer) => Promise<Message>;
  denied?: string;
  /** The profile that has to be announced: what is unsupported counts in no bucket, though one may list it. */
  profile?: string;
}

// Each leaves all as it was.
const requests: Readonly<Record<string, Request>> = {
  join: { ask: (_, peer) => peer.request('join', {}, { room: 'lounge' }) },
  leave: { ask: (_, peer) => peer.request('leave', {}, { room: 'elsewhere' }) },
  members: { ask: (_, peer) => peer.request('members', {}, { room: 'lounge' }) },
  typing: { ask: (_, peer) => peer.request('typing', { active: false }, { room: 'lounge' }) },
  ping: { ask: (_, peer) => peer.request('ping', {}) },
  auth: {
    ask: (t, peer) => peer.request('auth', { token: t.mint(peer.label) }),
    profile: 'auth_refresh',
  },
  direct: {
    ask: (t, peer) => peer.request('direct', { to: t.user('nobody'), text: 'x' }),
    denied: 'recipient_unavailable',
    profile: 'direct',
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
  const { rates, features } = (await t.connect('ann')).announced;
  const spoken = ({ profile }: Request) => profile === undefined || features.includes(profile);
  const some = rates.filter(
    (rate) => unfillable(rate) === undefined && rate.limit > 1 && rate.close_after !== 1,
  );
  const types = some
    .flatMap((rate) => rate.types)
    .filter((type) => Object.hasOwn(requests, type) && spoken(requests[type] as Request));
  return types.length === 0 ? t.notExercised('no bucket can be filled') : { types };
}

// Types of which clients often want no reply.
const SILENT: ReadonlyMap<string, readonly [data: object, extra: { room?: string }]> = new Map([
  ['typing', [{ active: false }, { room: 'lounge' }]],
  ['members', [{}, { room: 'lounge' }]],
  ['leave', [{}, { room: 'elsewhere' }]],
  ['ping', [{}, {}]],
]);

// A bucket beside that of messages which pings can fill, announced to this connection.
function further(t: Stage, peer: Peer, scope?: Rate['scope']): Rate {
  const rate = peer.announced.rates.find(
    ({ bucket, types }) => bucket !== 'messages' && types.includes('ping'),
  );
  return !rate ||
    unfillable(rate) !== undefined ||
    rate.limit < 2 ||
    rate.scope !== (scope ?? rate.scope)
    ? t.notExercised(
        `no further bucket${scope ? ` of scope ${scope}` : ''} that can be filled counts ping`,
      )
    : rate;
}

const pings = (t: Stage, peer: Peer, rate: Rate) =>
  new Attempts(t, rate, () => peer.request('ping', {}));

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

  // What nobody waits for counts like all else.
  check(
    'rates-over-refused',
    async (t) => {
      const { types } = await fillable(t);
      const silent = types.filter((type) => SILENT.has(type));
      if (silent.length === 0) return t.notExercised('no bucket that can be filled counts typing');
      await Promise.all(
        silent.map(async (type) => {
          const peer = await t.connect(`silent-${type}`);
          await peer.joins('lounge');
          const rate = peer.announced.rates.find((each) => each.types.includes(type)) as Rate;
          const [data, extra] = SILENT.get(type) ?? [{}, {}];
          await inWindow(t, peer, rate, async () => {
            const left = rate.limit - (rate.types.includes('join') ? 1 : 0);
            for (let i = 0; i < left; i += 1) peer.send(type, data, extra);
            const { data: answer } = await peer.request(type, data, extra);
            if (answer.code !== 'rate_limited')
              t.fail({
                expected: `a ${type} is rate_limited after ${left} of them that carried no \`id\``,
                actual: 'it is admitted',
                hint: await whyMore(
                  (await only(t, type)).tries,
                  'Count a message whether it asks for a reply or not.',
                ),
              });
          });
        }),
      );
    },
    { ...strict, variant: 'each-without-id' },
  ),

  check(
    'rates-retry-after-tight',
    async (t) => {
      await fillable(t);
      const peer = await t.connect('bob');
      await tight(t, pings(t, peer, further(t, peer)));
    },
    { ...strict, variant: 'control', timers: true, takes: () => 1_500 },
  ),

  // Of two connections, each with a log of its own, the second is told when its own is free.
  check(
    'rates-retry-after-enough',
    async (t) => {
      const first = await t.connect('bob');
      const second = await t.connect('bob');
      const rate = further(t, first, 'connection');
      await pings(t, first, rate).burst(rate.limit);
      await t.pause(rate.window_ms * 0.4);
      const tries = pings(t, second, rate);
      await tries.burst(rate.limit);
      await tries.burst(1);
      const hint =
        "In a bucket of scope `connection` the wait is that of the connection's own log, whatever the user's others have sent.";
      await waited(t, tries, 'ping', hint);
    },
    { ...strict, variant: 'control', timers: true, takes: () => 2_100 },
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
