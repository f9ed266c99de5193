import { check } from '#conformance/harness/check.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Welcome } from '#conformance/harness/welcome.js';
import type { Close } from '#conformance/harness/wire.js';
import { mostConnections, mostRooms } from './capacity.js';
import { breaksFraming, isEnded, type Provoke, sendsTooMuch } from './endings.js';

const bound = ({ heartbeat }: Welcome) => heartbeat.interval_ms + heartbeat.timeout_ms;

// How a server ends connections, beside a heartbeat.
const ENDS: readonly Provoke[] = [sendsTooMuch, breaksFraming];

// In the place of a connection that the server has ended, another is welcomed.
async function isWelcomed(t: Stage, ended: Close | undefined): Promise<void> {
  const next = await t.open({ token: t.mint('ann'), subprotocols: ['parlor.v1'], label: 'next' });
  await next.until(
    () => next.received('welcome')[0] ?? next.closed,
    () => ({ expected: 'a welcome', actual: 'neither a welcome nor a close came' }),
    { outlivesClose: true },
  );
  t.assert(next.received('welcome').length > 0, {
    expected: `a connection is welcomed in the place of each that the server has ended, of one for: ${ended?.detail}`,
    actual: `${next.closed?.detail}`,
    hint: 'Lower the count wherever a connection ends, and not in the handler of an orderly close alone.',
  });
}

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
    'limits-connections-freed',
    async (t) => {
      const most = mostConnections(t);
      const silent = await t.connect('ann', { autoPong: false });
      const others = await Promise.all(Array.from({ length: most - 1 }, () => t.connect('ann')));
      const ended = [silent, ...others].slice(0, 1 + ENDS.length);
      for (const [i, end] of ENDS.entries()) {
        const other = others[i];
        if (other) await end(t, other);
      }
      for (const peer of ended) await isEnded(t, peer, bound(t.welcome));
      // The server may need up to a second to notice.
      await t.pause(1_000);
      for (const { closed } of ended) await isWelcomed(t, closed);
    },
    { variant: 'ended-by-server', timers: true, takes: (welcome) => bound(welcome) + 1_000 },
  ),
];
