import { setTimeout } from 'node:timers/promises';
import type { OperationsParts } from '#server/operations.js';
import type { Connection, Core, Step } from '#server/state.js';
import { right as rightBroker, wrong } from './cluster.faults.js';
import { type Mutant, mutant } from './mutant.js';

type Stats = ReturnType<OperationsParts['stats']>;

const stats =
  (change: (right: Stats, core: Core) => object): Mutant['parts'] =>
  ({ operations }) => ({
    operations: {
      stats: (core, tally, at) => change(operations.stats(core, tally, at), core) as Stats,
    },
  });

const active =
  (count: (core: Core) => number): Mutant['parts'] =>
  () => ({ operations: { active: count } });

const headers =
  (change: (status: number) => Readonly<Record<string, string>>): Mutant['parts'] =>
  ({ operations }) => ({
    operations: { headers: (status) => ({ ...operations.headers(status), ...change(status) }) },
  });

/** Counts wrongly what has ended with one of these codes: `weight` times what is right, too many or too few. */
const miscounting =
  (codes: readonly number[], weight: number): Mutant['parts'] =>
  ({ logs, operations: right }) => {
    let ended = 0;
    return {
      logs: {
        disconnect(core, connection, closing) {
          if (connection.welcomed && codes.includes(closing.code)) ended += 1;
          return logs.disconnect(core, connection, closing);
        },
      },
      operations: { active: (core) => Math.max(0, right.active(core) + weight * ended) },
    };
  };

const DRAINING = 503;

/** Counts more than the accepted messages: what `counts` says of each request, as its step is carried out. */
const counting =
  (counts: (type: string, core: Core, room: string) => number): Mutant['parts'] =>
  ({ operations, steps }) => {
    let extra = 0;
    return {
      operations: {
        stats(core, tally, at) {
          const right = operations.stats(core, tally, at);
          return { ...right, total_messages: right.total_messages + extra };
        },
      },
      steps: Object.fromEntries(
        Object.entries(steps).map(([type, step]) => [
          type,
          (core, connection, incoming) => {
            extra += counts(type, core, incoming.request.room ?? '');
            return step(core, connection, incoming);
          },
        ]),
      ),
    };
  };

// Connections, as one counts them who reads and writes in two steps.
let counted = 0;

/** Faults of the chapter `operations`. */
export const operations: readonly Mutant[] = [
  mutant(
    'operations-health-healthy',
    'health-says-ok',
    'The health check says `ok`.',
    ({ operations: right }) => ({
      operations: {
        health: (core, at) => ({
          status: 200,
          body: { ...right.health(core, at).body, status: 'ok' as 'healthy' },
        }),
      },
    }),
  ),
  mutant(
    'operations-health-draining',
    'health-alive-while-draining',
    'The health check says healthy for as long as the process lives.',
    ({ operations: right }) => ({
      operations: {
        health: (core, at) => ({
          status: 200,
          body: { ...right.health(core, at).body, status: 'healthy' },
        }),
      },
    }),
  ),
  wrong(
    'operations-health-degraded',
    'health-blind-to-the-broker',
    'The health check asks for nothing but its own process.',
    rightBroker,
    {
      parts: ({ operations: right }) => ({
        operations: {
          health: (core, at) =>
            core.draining
              ? right.health(core, at)
              : { status: 200, body: { ...right.health(core, at).body, status: 'healthy' } },
        },
      }),
    },
  ),
  wrong(
    'operations-health-degraded',
    'degraded-with-200',
    'Without its broker the server says degraded, and answers with 200.',
    rightBroker,
    {
      parts: ({ operations: right }) => ({
        operations: {
          health(core, at) {
            const it = right.health(core, at);
            return it.body.status === 'degraded' ? { ...it, status: 200 } : it;
          },
        },
      }),
    },
  ),
  wrong(
    'operations-health-degraded',
    'degraded-for-ever',
    'After a loss of the broker the health check never says healthy again.',
    rightBroker,
    {
      parts: ({ operations: right }) => {
        let lost: ReturnType<OperationsParts['health']> | undefined;
        return {
          operations: {
            health(core, at) {
              const it = right.health(core, at);
              if (it.body.status === 'degraded') lost = it;
              return lost ?? it;
            },
          },
        };
      },
    },
  ),
  mutant(
    'operations-health-counts-connections',
    'health-counts-users',
    'The health check counts users, and one more.',
    ({ operations: right }) => ({
      operations: {
        health(core, at) {
          const { status, body } = right.health(core, at);
          return { status, body: { ...body, active_connections: core.users.size + 1 } };
        },
      },
    }),
  ),
  mutant(
    'operations-health-timestamp-current',
    'health-cached',
    'The health check is answered from a cache.',
    ({ operations: right }) => {
      let cached: ReturnType<OperationsParts['health']> | undefined;
      return {
        operations: {
          health(core, at) {
            cached ??= right.health(core, at);
            return cached;
          },
        },
      };
    },
  ),
  mutant(
    'operations-stats-members',
    'stats-without-rate',
    '`messages_per_second` is left out.',
    stats(({ messages_per_second: _, ...rest }) => rest),
  ),
  mutant(
    'operations-stats-members',
    'stats-unavailable-in-drain',
    'While the server drains `/stats` is answered with 503, as its health is.',
    () => ({ operations: { statsStatus: (core) => (core.draining ? DRAINING : 200) } }),
  ),
  mutant(
    'operations-active-counts-welcomed',
    'stats-count-users',
    '`active_connections` counts users.',
    active((core) => core.users.size),
  ),
  mutant(
    'operations-active-counts-welcomed',
    'connections-counted-in-two-steps',
    '`active_connections` is read, and a moment later written with one more.',
    active(() => counted),
    {
      broker: (right) => ({
        async enter(who, limit, at) {
          const known = counted;
          await setTimeout(20);
          counted = known + 1;
          return right.enter(who, limit, at);
        },
        exit(who, partings, reason, at) {
          counted -= 1;
          return right.exit(who, partings, reason, at);
        },
      }),
    },
  ),
  mutant(
    'operations-active-excludes-unwelcomed',
    'refused-connections-counted',
    'A connection counts from the handshake on, and a refused one for ever.',
    ({ handshake, operations: right }) => {
      let refused = 0;
      return {
        handshake: {
          dismiss(core, connection, closing) {
            refused += 1;
            return handshake.dismiss(core, connection, closing);
          },
        },
        operations: { active: (core) => right.active(core) + refused },
      };
    },
  ),
  mutant(
    'operations-active-drops-closed',
    'active-only-grows',
    '`active_connections` is the highest number so far.',
    ({ operations: right }) => {
      let most = 0;
      return {
        operations: {
          active(core) {
            most = Math.max(most, right.active(core));
            return most;
          },
        },
      };
    },
  ),
  ...(
    [
      ['violators-counted', [1002], 'that broke RFC 6455'],
      ['senders-of-too-much-counted', [1009], 'that sent too long a message'],
      ['erring-connections-counted', [4000], 'with too many protocol errors'],
      ['expired-connections-counted', [4001], 'whose token has ended'],
      ['rate-limited-connections-counted', [4101], 'that was closed for its rate'],
      ['slow-consumers-counted', [4102], 'that did not read'],
      ['silent-connections-counted', [4201], 'that fell silent'],
    ] as const
  ).map(([name, codes, which]) =>
    mutant(
      'operations-active-drops-closed',
      name,
      `A connection ${which} is counted for ever.`,
      miscounting(codes, 1),
    ),
  ),
  mutant(
    'operations-active-counts-welcomed',
    'violators-dropped-twice',
    'A connection that broke RFC 6455 is taken off the count by two handlers.',
    miscounting([1002], -1),
  ),
  mutant(
    'operations-active-drops-lost',
    'lost-connections-counted',
    'A connection that ends without a Close frame is counted for ever.',
    ({ logs, operations: right }) => {
      const lost = new Set<Connection>();
      return {
        logs: {
          disconnect(core, connection, closing) {
            if (closing.code === 1006) lost.add(connection);
            return logs.disconnect(core, connection, closing);
          },
        },
        operations: { active: (core) => right.active(core) + lost.size },
      };
    },
  ),
  mutant(
    'operations-messages-count-accepted',
    'deliveries-counted',
    '`total_messages` counts deliveries.',
    counting((type, core, room) =>
      type === 'chat' ? (core.rooms.get(room)?.members.size ?? 1) - 1 : 0,
    ),
  ),
  mutant(
    'operations-messages-count-accepted',
    'chats-counted-in-two-steps',
    '`total_messages` is read, and a moment later written with one more.',
    ({ operations: right, steps }) => {
      let total = 0;
      const say = steps['chat'] as Step;
      return {
        operations: {
          stats: (core, tally, at) => ({ ...right.stats(core, tally, at), total_messages: total }),
        },
        steps: {
          async chat(core, connection, incoming) {
            const known = total;
            await setTimeout(20);
            total = known + 1;
            return say(core, connection, incoming);
          },
        },
      };
    },
  ),
  mutant(
    'operations-messages-count-accepted',
    'only-chat-counted',
    '`total_messages` counts chat alone.',
    counting((type) => (type === 'direct' || type === 'broadcast' ? -1 : 0)),
  ),
  mutant(
    'operations-messages-count-accepted',
    'binary-not-counted',
    '`total_messages` counts text messages alone.',
    counting((type) => (type === 'binary' ? -1 : 0)),
  ),
  mutant(
    'operations-messages-exclude-refused',
    'refused-messages-in-total',
    '`total_messages` counts what was refused, too.',
    ({ errors, operations: right }) => {
      let refused = 0;
      return {
        errors: {
          message(...args) {
            refused += 1;
            return errors.message(...args);
          },
        },
        operations: {
          stats(core, tally, at) {
            const it = right.stats(core, tally, at);
            return { ...it, total_messages: it.total_messages + refused };
          },
        },
      };
    },
  ),
  mutant(
    'operations-messages-exclude-control',
    'every-request-counted',
    '`total_messages` counts requests of every bucket.',
    counting((type) => (['join', 'leave', 'members', 'typing', 'ping'].includes(type) ? 1 : 0)),
  ),
  mutant(
    'operations-messages-exclude-duplicates',
    'duplicates-counted',
    '`total_messages` counts a repeated request again.',
    ({ resume, operations: right }) => {
      let repeated = 0;
      return {
        resume: {
          repeat(...args) {
            repeated += 1;
            return resume.repeat(...args);
          },
        },
        operations: {
          stats(core, tally, at) {
            const it = right.stats(core, tally, at);
            return { ...it, total_messages: it.total_messages + repeated };
          },
        },
      };
    },
  ),
  mutant(
    'operations-uptime-measured',
    'uptime-stands-still',
    '`uptime_seconds` is always 1.',
    stats((right) => ({ ...right, uptime_seconds: 1 })),
  ),
  mutant(
    'operations-uptime-measured',
    'uptime-in-milliseconds',
    '`uptime_seconds` counts milliseconds.',
    stats((right) => ({ ...right, uptime_seconds: right.uptime_seconds * 1_000 })),
  ),
  mutant(
    'operations-rate-consistent',
    'rate-per-minute',
    '`messages_per_second` is a rate per minute.',
    stats((right) => ({ ...right, messages_per_second: right.messages_per_second * 60 })),
  ),
  mutant(
    'operations-rate-consistent',
    'rate-over-a-minute-always',
    '`messages_per_second` divides by 60 also in the first minute.',
    stats((right) => ({ ...right, messages_per_second: right.total_messages / 60 })),
  ),
  mutant(
    'operations-rate-consistent',
    'rate-since-the-start',
    'After an hour `messages_per_second` still divides all messages by the whole uptime.',
    stats((right) => {
      const uptime_seconds = right.uptime_seconds + 3_600;
      const messages_per_second = right.total_messages / uptime_seconds;
      return { ...right, uptime_seconds, messages_per_second };
    }),
  ),
  mutant(
    'operations-answers-json',
    'answers-as-text',
    'The answers are text/plain.',
    headers(() => ({ 'Content-Type': 'text/plain' })),
  ),
  mutant(
    'operations-answers-json',
    'drain-answered-as-text',
    'While the server drains its health is text/plain.',
    headers(
      (status): Record<string, string> =>
        status === DRAINING ? { 'Content-Type': 'text/plain' } : {},
    ),
  ),
  mutant(
    'operations-answers-not-stored',
    'answers-cached-for-a-minute',
    'A cache may keep the answers for a minute.',
    headers(() => ({ 'Cache-Control': 'max-age=60' })),
  ),
  mutant(
    'operations-answers-not-stored',
    'drain-answer-storable',
    'While the server drains a cache may keep its health.',
    headers(
      (status): Record<string, string> =>
        status === DRAINING ? { 'Cache-Control': 'public' } : {},
    ),
  ),
  mutant(
    'operations-answers-name-nobody',
    'stats-list-rooms',
    '`/stats` lists the rooms.',
    stats((right, core) => ({ ...right, rooms: [...core.rooms.keys()] })),
  ),
  mutant(
    'operations-answers-name-nobody',
    'stats-list-users',
    '`/stats` lists the users.',
    stats((right, core) => ({ ...right, users: [...core.users.keys()] })),
  ),
  mutant(
    'operations-errors-are-problems',
    'any-method-answered',
    'Whatever the method, the numbers are sent.',
    () => ({ operations: { allows: () => true } }),
  ),
  ...(['PUT', 'PATCH', 'OPTIONS'] as const).map((method) =>
    mutant(
      'operations-errors-are-problems',
      `${method.toLowerCase()}-not-found`,
      `${method} is told that there is nothing at the endpoint.`,
      ({ operations }) => ({
        operations: {
          refusal: (asked) =>
            asked === method ? { status: 404, title: 'Not Found' } : operations.refusal(asked),
        },
      }),
    ),
  ),
];
