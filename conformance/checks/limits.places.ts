import { check } from '#conformance/harness/check.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import { isWelcomed, knocks, mostConnections, mostRooms } from './capacity.js';
import {
  breaksFraming,
  errsTooOften,
  isEnded,
  MOST_ERRORS,
  type Provoke,
  sendsTooMuch,
} from './endings.js';
import { ofFlood } from './floods.js';

const bound = ({ heartbeat }: Welcome) => heartbeat.interval_ms + heartbeat.timeout_ms;

// How a server ends connections, beside a heartbeat.
const endsOf = ({ limits }: Welcome): readonly Provoke[] => [
  sendsTooMuch,
  breaksFraming,
  ...(limits.max_protocol_errors > MOST_ERRORS ? [] : [errsTooOften]),
];

// More than fit at once, by so many.
const EXTRA = 4;

/** The checks of spec/limits.md of what takes a place, and what gives it back. */
export const places = [
  check(
    'limits-rooms-reached',
    async (t) => {
      const most = mostRooms(t);
      const laptop = await t.connect('ann');
      const phone = await t.connect('ann');
      await Promise.all(Array.from({ length: most }, (_, i) => laptop.joins(`room-${i}`)));
      const reply = await phone.request('join', {}, { room: 'elsewhere' });
      t.assert(reply.type === 'ack', {
        expected: `a connection joins its first room, while another of the user is in max_rooms = ${most}`,
        actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
        hint: 'Count the rooms of each connection on its own.',
      });
    },
    { variant: 'two-connections' },
  ),

  check(
    'limits-rooms-rejoin-free',
    async (t) => {
      const most = mostRooms(t);
      const ann = await t.connect('ann');
      const [first] = await Promise.all(
        Array.from({ length: Math.max(1, most - 1) }, (_, i) => ann.joins(`room-${i}`)),
      );
      const { epoch, seq } = first?.data ?? {};
      const returns = async (what: string) => {
        const reply = await ann.request('join', { since: { epoch, seq } }, { room: 'room-0' });
        t.assert(reply.type === 'ack', {
          expected: `an ack of a join with \`since\` of a room that one is in, ${what}`,
          actual: `${reply.type} ${reply.data.code ?? ''}: ${reply.data.message ?? ''}`,
          hint: 'A room that one is in takes no further place, however it is joined again.',
        });
      };
      await returns('where there is a place left');
      // A count of joins is full by now.
      if (most > 1) await ann.joins('the-last');
      await returns('where there is none');
    },
    { variant: 'since' },
  ),

  check(
    'limits-connections-over-closed',
    async (t) => {
      const most = mostConnections(t);
      const all = await Promise.all(
        Array.from({ length: most + EXTRA }, (_, i) => knocks(t, 'ann', `ann ${i + 1}`)),
      );
      const { length: count } = all.filter(({ welcomed }) => welcomed);
      t.assert(count <= most, {
        expected: `of ${all.length} connections that a user opens at once, max_connections_per_user = ${most} are welcomed`,
        actual: `${count} were`,
        hint: 'Look at the count and raise it in one step, with nothing awaited between: each of those who come at once finds a place that is taken twice.',
      });
      for (const peer of all) if (!peer.welcomed) await peer.closes(4005, 'connection_limit');
    },
    { variant: 'at-once' },
  ),

  check(
    'limits-connections-freed',
    async (t) => {
      const most = mostConnections(t);
      const ends = endsOf(t.welcome);
      const silent = await t.connect('ann', { autoPong: false });
      const others = await Promise.all(Array.from({ length: most - 1 }, () => t.connect('ann')));
      const ended = [silent, ...others].slice(0, 1 + ends.length);
      for (const [i, end] of ends.entries()) {
        const other = others[i];
        if (other) await end(t, other);
      }
      for (const peer of ended) await isEnded(t, peer, bound(t.welcome));
      // The server may need up to a second to notice.
      await t.pause(1_000);
      for (const { closed } of ended) await isWelcomed(t, 'ann', closed);
    },
    { variant: 'ended-by-server', timers: true, takes: (welcome) => bound(welcome) + 1_000 },
  ),

  ofFlood('limits-connections-freed', 'freed', 'slow-consumer'),
];
