import type { Socket } from 'node:net';
import { opcodes } from '#conformance/harness/frames.js';
import { type Frame, payloadOf } from '#server/frames.js';
import type { Parts } from '#server/parts.js';
import { type Mutant, mutant } from './mutant.js';
import { faulty, type WireFault } from './wire.js';

type Shutdown = Parts['shutdown'];
type OnSignal = Shutdown['onSignal'];

const LONG_MS = 60_000;
const DELAY_MS = 30;

const wrong =
  (change: (right: Shutdown) => Partial<Shutdown>): Mutant['parts'] =>
  ({ shutdown }) => ({ shutdown: change(shutdown) });

const onSignal = (change: (right: OnSignal) => OnSignal) =>
  wrong((right) => ({ onSignal: change(right.onSignal) }));

// Keeps the notice back until the Close frame has gone out.
function noticeAfterClose(): WireFault {
  let notice: Parameters<NonNullable<WireFault['outbound']>>[0] | undefined;
  return {
    outbound(frame) {
      if (frame.payload.includes('"type":"server_shutdown"')) {
        notice = frame;
        return [];
      }
      return frame.opcode === opcodes.close && notice ? [frame, notice] : [frame];
    },
  };
}

const isChat = (frame: Frame) => payloadOf(frame).subarray(0, 40).includes('"type":"chat"');
const isReplay = (frame: Frame) => payloadOf(frame).includes('"replay":true');

// Hands some frames to the sockets a moment later, and no longer once the drain has begun.
function lateDelivery(
  late: (frame: Frame) => boolean,
  delayMs = DELAY_MS,
): NonNullable<Parts['transport']['outbound']> {
  const due = new WeakSet<Frame>();
  return (frame, connection) => {
    if (due.has(frame) || !late(frame)) return [frame];
    const copy = { ...frame };
    due.add(copy);
    setTimeout(() => {
      if (!connection.notice) connection.link.send(copy);
    }, delayMs);
    return [];
  };
}

// Upgrade requests are served as ever.
const serving = ({ handshake }: Parts) => ({
  checks: handshake.checks.filter((each) => each.name !== 'draining'),
});

// Nothing but an error ends a socket that has something left to write.
function cutWhenRead(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => {
    if (error || socket.writableLength === 0) return destroy(error);
    socket.once('drain', () => destroy());
    return socket;
  };
}

/** Faults of the chapter `shutdown`. */
export const shutdown: readonly Mutant[] = [
  mutant(
    'shutdown-notice-on-sigterm',
    'sigterm-ends-at-once',
    'SIGTERM is not handled.',
    onSignal(
      (right) => (signal, draining) => (signal === 'SIGTERM' ? 'end' : right(signal, draining)),
    ),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-left-out',
    'Connections are closed without a notice.',
    wrong(() => ({ announce: () => [] })),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-after-close',
    'The notice is sent after the Close frame.',
    faulty(noticeAfterClose),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-twice',
    'The notice is sent twice, by the handler of the signal and by the hook of the framework.',
    wrong((right) => ({
      announce: (notice, at, connection) => [
        ...right.announce(notice, at, connection),
        ...right.announce(notice, at, connection),
      ],
    })),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-to-rooms-only',
    'The notice is sent to the members of rooms, and connections in none get nothing.',
    wrong((right) => ({
      announce: (notice, at, connection) =>
        connection.rooms.size === 0 ? [] : right.announce(notice, at, connection),
    })),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-to-users',
    'The notice is sent to one connection of each user.',
    wrong((right) => {
      const told = new Set<string>();
      return {
        announce(notice, at, connection) {
          const { user } = connection.grant;
          if (told.has(user)) return [];
          told.add(user);
          return right.announce(notice, at, connection);
        },
      };
    }),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'notice-for-each-room',
    'The notice is sent room by room, and a connection in two rooms gets two.',
    wrong((right) => ({
      announce: (notice, at, connection) =>
        Array.from({ length: Math.max(1, connection.rooms.size) }, () =>
          right.announce(notice, at, connection),
        ).flat(),
    })),
  ),
  mutant(
    'shutdown-notice-on-sigterm',
    'newcomers-not-told',
    'Who authenticates while the drain begins is welcomed, and told nothing.',
    wrong(() => ({ admits: () => true })),
  ),
  mutant(
    'shutdown-notice-on-sigint',
    'sigint-ends-at-once',
    'SIGINT is not handled.',
    onSignal(
      (right) => (signal, draining) => (signal === 'SIGINT' ? 'end' : right(signal, draining)),
    ),
  ),
  mutant(
    'shutdown-notice-on-sigint',
    'sigint-ignored',
    'SIGINT does nothing.',
    onSignal(
      (right) => (signal, draining) => (signal === 'SIGINT' ? 'ignore' : right(signal, draining)),
    ),
  ),
  mutant(
    'shutdown-close-code-matches-notice',
    'restart-closed-1001',
    'Every drained connection is closed with 1001, whatever its notice said.',
    wrong((right) => ({ closing: (notice) => ({ ...right.closing(notice), code: 1001 }) })),
  ),
  mutant(
    'shutdown-close-code-matches-notice',
    'shutdown-closed-1012',
    'Every drained connection is closed with 1012, whatever its notice said.',
    wrong((right) => ({ closing: (notice) => ({ ...right.closing(notice), code: 1012 }) })),
  ),
  mutant(
    'shutdown-close-code-matches-notice',
    'drained-without-close-frame',
    'Drained connections end with TCP alone.',
    faulty(() => ({
      outbound(frame, line) {
        if (frame.opcode !== opcodes.close) return [frame];
        line.end();
        return [];
      },
    })),
  ),
  mutant(
    'shutdown-close-reason-matches-notice',
    'close-reason-without-time',
    'The reason does not say how long to wait.',
    wrong((right) => ({
      closing: (notice) => ({
        code: right.closing(notice).code,
        reason: notice.reconnect ? 'server_restart' : 'server_shutdown',
      }),
    })),
  ),
  mutant(
    'shutdown-close-reason-matches-notice',
    'close-reason-drawn-anew',
    'The time in the reason is drawn anew, and is not that of the notice.',
    wrong((right) => ({
      closing: (notice) =>
        right.closing({ ...notice, retry_after_ms: Math.floor(notice.retry_after_ms / 2) }),
    })),
  ),
  mutant(
    'shutdown-close-within-grace',
    'grace-overrun',
    'Connections are kept until their clients go, the grace notwithstanding.',
    wrong(() => ({ closesIn: (notice) => notice.grace_ms * 8, patienceMs: LONG_MS })),
  ),
  mutant(
    'shutdown-acked-messages-delivered',
    'queue-dropped-in-drain',
    'Deliveries that wait when the drain begins are dropped.',
    () => ({ transport: { outbound: lateDelivery(isChat) } }),
  ),
  mutant(
    'shutdown-acked-messages-delivered',
    'queue-cut-in-drain',
    'Connections are closed early in the grace, and TCP is ended a moment after the Close frame was queued.',
    wrong(() => ({
      closesIn: ({ grace_ms }) => grace_ms * 0.4,
      // Counted from the end of the grace.
      patienceMs: -550,
    })),
  ),
  mutant(
    'shutdown-acked-messages-delivered',
    'replay-dropped-in-drain',
    'What waits of a replay is dropped when the drain begins.',
    () => ({
      transport: { outbound: lateDelivery(isReplay, 300) },
      shutdown: { closesIn: ({ grace_ms }) => grace_ms * 0.4 },
    }),
  ),
  mutant(
    'shutdown-requests-answered',
    'requests-dropped-in-drain',
    'What is read after the notice is thrown away.',
    ({ gates }) => ({
      gates: { ...gates, drain: (_core, { notice }) => (notice ? [] : null) },
    }),
  ),
  mutant(
    'shutdown-requests-answered',
    'chats-dropped-in-drain',
    'A chat after the notice is thrown away, and other requests are answered.',
    ({ gates }) => ({
      gates: {
        ...gates,
        drain: (core, connection, incoming) =>
          connection.notice && incoming.request.type === 'chat'
            ? []
            : gates.drain(core, connection, incoming),
      },
    }),
  ),
  ...(['direct', 'broadcast', 'leave', 'auth'] as const).map((type) =>
    mutant(
      'shutdown-requests-answered',
      `${type}-dropped-in-drain`,
      `A request of type ${type} after the notice is thrown away, and other requests are answered.`,
      ({ gates }) => ({
        gates: {
          drain: (core, connection, incoming) =>
            connection.notice && incoming.request.type === type
              ? []
              : gates.drain(core, connection, incoming),
        },
      }),
    ),
  ),
  mutant(
    'shutdown-no-welcome-while-draining',
    'welcome-while-draining',
    'The listening socket serves on until the process ends.',
    (parts) => ({ handshake: serving(parts), shutdown: { admits: () => true } }),
  ),
  mutant(
    'shutdown-upgrade-refused',
    'upgrade-while-draining',
    'A handshake is completed while the server drains, and closed then.',
    (parts) => ({ handshake: serving(parts) }),
  ),
  mutant(
    'shutdown-upgrade-refused',
    'refused-without-retry-after',
    'The 503 of a draining server has no Retry-After.',
    ({ handshake }) => ({
      handshake: {
        checks: handshake.checks.map((judge) => (core, opening) => {
          const refused = judge(core, opening);
          return refused?.status === 503 ? { status: 503, detail: refused.detail } : refused;
        }),
      },
    }),
  ),
  mutant(
    'shutdown-retry-after-spread',
    'retry-after-the-same',
    'All clients are told to wait for the same time.',
    wrong((right) => ({ notice: (core, reason) => right.notice(core, reason, 0.5) })),
  ),
  mutant(
    'shutdown-retry-after-spread',
    'retry-after-by-user',
    'All connections of a user are told to wait for the same time.',
    wrong((right) => {
      const times = new Map<string, number>();
      return {
        announce(notice, at, connection) {
          const { user } = connection.grant;
          const known = times.get(user) ?? notice.retry_after_ms;
          times.set(user, known);
          Object.assign(notice, { retry_after_ms: known });
          return right.announce(notice, at, connection);
        },
      };
    }),
  ),
  mutant(
    'shutdown-no-leave-storm',
    'leaves-told-in-drain',
    'Each drained connection is announced to those that are still open.',
    wrong(() => ({ tellsLeaves: true })),
  ),
  mutant(
    'shutdown-silent-peer-cut',
    'silent-peer-waited-for',
    'The process waits for the Close frame of each client.',
    () => ({
      shutdown: { patienceMs: LONG_MS },
      transport: { closeTimeoutMs: LONG_MS },
    }),
  ),
  mutant(
    'shutdown-silent-peer-cut',
    'full-queue-waited-for',
    'A connection is cut only when everything that is queued for it has been read.',
    () => ({ transport: { socket: (socket) => cutWhenRead(socket) } }),
  ),
  mutant(
    'shutdown-exit-status-zero',
    'signal-raised-again',
    'The signal is raised again after the drain, so that the status is 143.',
    wrong(() => ({ status: () => 143 })),
  ),
  mutant(
    'shutdown-exit-status-zero',
    'nothing-to-drain-is-a-failure',
    'A server with nobody to tell ends as if the signal had not been handled.',
    ({ shutdown: right }) => {
      let told = false;
      return {
        shutdown: {
          notice(...args) {
            told = true;
            return right.notice(...args);
          },
          status: () => (told ? right.status() : 143),
        },
      };
    },
  ),
  mutant(
    'shutdown-exit-status-zero',
    'cut-is-a-failure',
    'A server that had to cut a connection exits with status 1.',
    () => {
      let status = 0;
      const socket = (each: Socket) => {
        const destroy = each.destroy.bind(each);
        each.destroy = (error) => {
          if (each.writableLength > 0) status = 1;
          return destroy(error);
        };
      };
      // Cut soon, so that the end is seen.
      return { transport: { socket }, shutdown: { status: () => status, patienceMs: 300 } };
    },
  ),
  mutant(
    'shutdown-second-signal-ends',
    'second-signal-ignored',
    'A second signal does nothing.',
    onSignal((right) => (signal, draining) => (draining ? 'ignore' : right(signal, draining))),
  ),
];
