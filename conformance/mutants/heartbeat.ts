import { opcodes } from '#conformance/harness/frames.js';
import type { Parts } from '#server/parts.js';
import type { Connection } from '#server/state.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty } from './wire.js';

type Heartbeat = Parts['heartbeat'];

const LONG_MS = 60_000;
const SLOW = {
  env: { PARLOR_HEARTBEAT_INTERVAL_MS: '30000', PARLOR_HEARTBEAT_TIMEOUT_MS: '10000' },
};

const wrong =
  (change: (right: Heartbeat) => Partial<Heartbeat>): Mutant['parts'] =>
  ({ heartbeat }) => ({ heartbeat: change(heartbeat) });

// The right heartbeat by other numbers than the announced ones.
const numbers = (interval: number, timeout: number) =>
  wrong((right) => ({
    beat: (pulse, now, { interval_ms, timeout_ms }, slack) =>
      right.beat(
        pulse,
        now,
        { interval_ms: interval_ms * interval, timeout_ms: timeout_ms * timeout },
        slack,
      ),
  }));

const never = wrong((right) => ({
  beat: (pulse, now, announced, slack) => {
    const beat = right.beat(pulse, now, announced, slack);
    return beat.act === 'dead' ? { act: 'wait', next: announced.interval_ms } : beat;
  },
}));

const proves = (signs: readonly string[]) =>
  wrong(() => ({
    heard(pulse, sign) {
      if (signs.includes(sign)) pulse.unanswered = null;
    },
  }));

/** Faults of the chapter `heartbeat`. */
export const heartbeat: readonly Mutant[] = [
  mutant(
    'heartbeat-ping-sent',
    'pings-never-sent',
    'No Ping is ever sent.',
    wrong(() => ({
      beat: (_pulse, _now, { interval_ms }) => ({ act: 'wait', next: interval_ms }),
    })),
  ),
  mutant(
    'heartbeat-ping-sent',
    'pings-at-half-the-rate',
    'Pings are sent at twice the announced interval.',
    numbers(2, 1),
  ),
  mutant(
    'heartbeat-ping-sent',
    'ping-sent-once',
    'The next Ping waits for something that its answer does not bring about.',
    wrong((right) => {
      const pinged = new WeakSet<object>();
      return {
        beat: (pulse, now, announced, slack) => {
          if (pinged.has(pulse)) return { act: 'wait', next: announced.interval_ms };
          const beat = right.beat(pulse, now, announced, slack);
          if (beat.act === 'ping') pinged.add(pulse);
          return beat;
        },
      };
    }),
  ),
  mutant(
    'heartbeat-ping-on-busy-connection',
    'pings-only-where-nothing-comes',
    'Whatever comes puts the next Ping off.',
    wrong((right) => ({
      heard(pulse, sign) {
        right.heard(pulse, sign);
        if (sign === 'message') pulse.pinged = performance.now();
      },
    })),
  ),
  mutant(
    'heartbeat-ping-on-busy-connection',
    'pings-only-where-nothing-goes',
    'Whatever is sent puts the next Ping off.',
    wrong((right) => ({
      heard(pulse, sign) {
        right.heard(pulse, sign);
        if (sign === 'delivery') pulse.pinged = performance.now();
      },
    })),
  ),
  mutant(
    'heartbeat-silent-peer-dropped',
    'silent-peer-kept',
    'Pings are sent, and nobody looks whether they are answered.',
    never,
  ),
  mutant(
    'heartbeat-silent-peer-dropped',
    'three-pings-missed',
    'A peer is given up after three missed answers in place of one.',
    numbers(1, 4),
  ),
  mutant(
    'heartbeat-silent-peer-dropped',
    'heartbeat-waits-for-fragments',
    'While a connection is in the middle of a fragmented message nobody is pinged or given up.',
    (parts) => {
      const open = new Set<object>();
      const watching = faulty(() => {
        const line = {};
        return {
          inbound(frame) {
            if (frame.opcode < opcodes.close) frame.fin ? open.delete(line) : open.add(line);
            return [frame];
          },
        };
      });
      const paused = wrong((right) => ({
        beat: (pulse, now, announced, slack) =>
          open.size > 0
            ? { act: 'wait', next: announced.interval_ms }
            : right.beat(pulse, now, announced, slack),
      }));
      return { ...watching(parts), ...paused(parts) };
    },
  ),
  mutant(
    'heartbeat-silent-peer-dropped',
    'newest-connection-watched-only',
    'Of the connections of a user only the newest is watched.',
    (parts) => {
      const newest = new Map<string, Connection>();
      const watched = new WeakSet<Connection>();
      return wrong((right) => ({
        beat(pulse, now, announced, slack, connection) {
          if (!connection) return right.beat(pulse, now, announced, slack);
          const { user } = connection.grant;
          if (!watched.has(connection)) newest.set(user, connection);
          watched.add(connection);
          return newest.get(user) === connection
            ? right.beat(pulse, now, announced, slack)
            : { act: 'wait', next: announced.interval_ms };
        },
      }))(parts);
    },
  ),
  mutant(
    'heartbeat-silent-peer-4201',
    'silence-closed-by-policy',
    'A silent connection is closed with 1008.',
    wrong(() => ({ silence: { code: 1008, reason: 'heartbeat_timeout' } })),
  ),
  mutant(
    'heartbeat-silent-peer-4201',
    'silence-reason-in-words',
    'The reason of the close is a sentence for people.',
    wrong(() => ({ silence: { code: 4201, reason: 'ping timeout' } })),
  ),
  mutant(
    'heartbeat-deliveries-prove-nothing',
    'delivery-proves-life',
    'What is sent to a peer counts as a sign of it.',
    proves(['message', 'ping', 'pong', 'bytes', 'delivery']),
  ),
  mutant(
    'heartbeat-answering-peer-kept',
    'pong-ignored',
    'Only messages count as signs of life.',
    proves(['message']),
  ),
  mutant(
    'heartbeat-answering-peer-kept',
    'application-ping-wanted',
    'A connection that sends no message for twice the interval is closed.',
    wrong((right) => {
      const spoke = new WeakMap<object, number>();
      return {
        heard(pulse, sign) {
          right.heard(pulse, sign);
          if (sign === 'message') spoke.set(pulse, performance.now());
        },
        beat(pulse, now, announced, slack) {
          const since = spoke.get(pulse) ?? now;
          spoke.set(pulse, since);
          if (now - since > 2 * announced.interval_ms) pulse.unanswered ??= now;
          return now - since > 2 * announced.interval_ms
            ? { act: 'dead', next: 0 }
            : right.beat(pulse, now, announced, slack);
        },
      };
    }),
  ),
  mutant(
    'heartbeat-answering-peer-kept',
    'heartbeat-in-seconds',
    'The announced milliseconds are taken for hundredths of them.',
    numbers(0.01, 0.01),
  ),
  mutant(
    'heartbeat-silent-peer-leaves',
    'silent-peer-stays-a-member',
    'The connection of a silent peer is ended, and its memberships are kept.',
    () => ({ rooms: { vacated: () => [] } }),
  ),
  mutant(
    'heartbeat-silent-peer-leaves',
    'silent-peer-left',
    'The leave of a silent peer has the reason of one who asked for it.',
    ({ rooms }) => ({
      rooms: { leaveEvent: (room, user, _reason, at) => rooms.leaveEvent(room, user, 'left', at) },
    }),
  ),
  mutant(
    'heartbeat-tcp-close-leaves',
    'tcp-end-unnoticed',
    'The end of TCP is left to the heartbeat.',
    faulty(() => ({ deaf: true })),
    SLOW,
  ),
  mutant(
    'heartbeat-close-frame-leaves',
    'close-frame-unnoticed',
    "The peer's Close frame is left to the heartbeat.",
    faulty(() => ({ inbound: (frame) => (frame.opcode === opcodes.close ? [] : [frame]) }), {
      closeTimeoutMs: LONG_MS,
    }),
    SLOW,
  ),
  mutant(
    'heartbeat-answering-peer-kept',
    'latest-payload-only',
    'Only a Pong with the payload of the latest Ping counts.',
    (right) => ({
      ...faulty(() => {
        let latest = 0;
        return {
          outbound(frame) {
            if (frame.opcode !== opcodes.ping) return [frame];
            latest += 1;
            return [{ ...frame, payload: Buffer.from(String(latest)) }];
          },
          inbound: (frame) =>
            frame.opcode === opcodes.pong && frame.payload.toString() !== String(latest)
              ? []
              : [frame],
        };
      })(right),
      heartbeat: {
        beat: (pulse, now, numbers, slack) =>
          right.heartbeat.beat(pulse, now, numbers, Math.max(slack, numbers.interval_ms / 2)),
        heard(pulse, sign) {
          if (sign !== 'bytes') right.heartbeat.heard(pulse, sign);
        },
      },
    }),
  ),
];
