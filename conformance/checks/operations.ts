import { check } from '#conformance/harness/check.js';
import type { HttpAnswer } from '#conformance/harness/http.js';
import type { Stage } from '#conformance/harness/stage.js';
import { messagesRate } from './attempts.js';
import { withoutBroker } from './brokers.js';
import { counts } from './operations.counts.js';
import { active, HEALTH, type Numbers, STATS, settled, stats } from './operations.numbers.js';
import { doorsOf, retoldDoors } from './shutdown.drain.js';

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

function bothEndpoints(
  run: (t: Stage, path: string) => Promise<void>,
): (t: Stage) => Promise<void> {
  return async (t) => {
    await run(t, STATS);
    await run(t, HEALTH);
  };
}

function contentType({ headers }: HttpAnswer): string {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

const METHODS =
  'Let the path decide first and the method second: a route for GET alone makes every other method a 404 in some frameworks.';

// Holds the answer of a server that drains; without a connection there is none.
const draining =
  (judge: (t: Stage, answer: HttpAnswer) => void) =>
  async (t: Stage): Promise<void> => {
    const doors = await doorsOf(t);
    retoldDoors(t, doors);
    if (doors.health) judge(t, doors.health);
    else t.notExercised('a draining server takes no connection');
  };

const whileDraining = { variant: 'draining', needs: ['start'], timers: true } as const;

function notStored({ assert }: Stage, { headers }: HttpAnswer, what: string): void {
  const value = headers['cache-control'] ?? '';
  assert(/(^|[\s,])no-store([\s,]|$)/i.test(value), {
    expected: `${what} is answered with Cache-Control: no-store`,
    actual: `Cache-Control is ${value === '' ? 'absent' : JSON.stringify(value)}`,
  });
}

function hasMembers({ equal, assert }: Stage, answer: HttpAnswer): void {
  equal(answer.status, 200, `the status of GET ${STATS}`);
  const body = answer.json() as Record<string, unknown>;
  for (const [name, fits] of [
    ['active_connections', Number.isInteger],
    ['total_messages', Number.isInteger],
    ['uptime_seconds', Number.isFinite],
    ['messages_per_second', Number.isFinite],
  ] as const)
    assert(fits(body[name]) && Number(body[name]) >= 0, {
      expected: `\`${name}\` is ${fits === Number.isInteger ? 'an integer' : 'a number'} of at least 0`,
      actual: `it is ${JSON.stringify(body[name])}`,
    });
}

/** The checks of spec/operations.md. */
export const operations = [
  ...counts,

  check('operations-health-healthy', async ({ http, equal }) => {
    const answer = await http(HEALTH);
    equal(answer.status, 200, `the status of GET ${HEALTH}`);
    equal((answer.json() as { status?: unknown }).status, 'healthy', '`status` in its body');
  }),

  check(
    'operations-health-draining',
    async (t) => {
      const doors = await doorsOf(t);
      retoldDoors(t, doors);
      const answer = doors.health;
      if (!answer) return;
      t.equal(answer.status, 503, `the status of GET ${HEALTH} after server_shutdown`);
      t.equal((answer.json() as { status?: unknown }).status, 'draining', '`status` in its body');
    },
    { needs: ['start'], timers: true },
  ),

  check(
    'operations-health-counts-connections',
    async (t) => {
      await t.connect('ann');
      await settled(t);
      const health = (await t.http(HEALTH)).json() as Numbers;
      t.equal(
        health['active_connections'],
        await active(t),
        `active_connections of ${HEALTH}, compared with ${STATS},`,
      );
    },
    { alone: 'apart' },
  ),

  check('operations-health-timestamp-current', async ({ http, pause, assert }) => {
    const stamp = async () => ((await http(HEALTH)).json() as { timestamp: string }).timestamp;
    const first = await stamp();
    await pause(30);
    const second = await stamp();
    for (const each of [first, second])
      assert(TIMESTAMP.test(each), {
        expected: 'a timestamp of the form YYYY-MM-DDTHH:MM:SS.sssZ',
        actual: `it is ${JSON.stringify(each)}`,
      });
    assert(first < second, {
      expected:
        'the timestamp is the time of the answer: it differs between two answers 30 ms apart',
      actual: `the first answer says ${first}, the second ${second}`,
      hint: 'The answer is cached, or the timestamp is that of the start.',
    });
  }),

  check('operations-stats-members', async (t) => hasMembers(t, await t.http(STATS))),

  check(
    'operations-stats-members',
    async (t) => {
      const doors = await doorsOf(t);
      retoldDoors(t, doors);
      if (doors.stats) hasMembers(t, doors.stats);
      else t.notExercised('a draining server takes no connection');
    },
    whileDraining,
  ),

  check(
    'operations-uptime-measured',
    async (t) => {
      const asked = performance.now();
      const first = await stats(t);
      const answered = performance.now();
      await t.pause(2_500);
      const askedAgain = performance.now();
      const second = await stats(t);
      const grown = (second['uptime_seconds'] ?? 0) - (first['uptime_seconds'] ?? 0);
      const least = (askedAgain - answered) / 1_000 - 1;
      const most = (performance.now() - asked) / 1_000 + 1;
      t.assert(grown >= least && grown <= most, {
        expected: `uptime_seconds grows by ${least.toFixed(1)} to ${most.toFixed(1)} between the two answers`,
        actual: `it grew by ${grown}`,
      });
    },
    { timers: true, takes: () => 2_500 },
  ),

  check(
    'operations-rate-consistent',
    async (t) => {
      const [ann] = await t.join('lounge', 'ann');
      for (let i = 0; i < messagesRate(t).limit; i += 1) await ann?.chat('lounge', `message ${i}`);
      const {
        total_messages: all = 0,
        uptime_seconds: up = 0,
        messages_per_second: rate = -1,
      } = await stats(t);
      const sent = messagesRate(t).limit;
      // Whole seconds leave up to one unsaid, on either side.
      const unsaid = Number.isInteger(up) ? 1 : 0.05;
      const [shortest, longest] = [Math.max(up - unsaid, 0.001), up + unsaid];
      // In the first minute the rate follows from the other two; later it lies between what was just sent and everything.
      const least = up === 0 ? 0 : up < 60 ? all / longest : sent / 60;
      const most = all / Math.min(60, shortest);
      t.assert(rate >= least - 0.001 && rate <= most + 0.001, {
        expected: `messages_per_second is between ${least.toFixed(3)} and ${most.toFixed(3)}, with ${all} messages and ${up} s`,
        actual: `it is ${rate}`,
      });
    },
    { alone: 'apart' },
  ),

  check(
    'operations-answers-json',
    bothEndpoints(async ({ http, equal }, path) => {
      equal(contentType(await http(path)), 'application/json', `the media type of GET ${path}`);
    }),
  ),

  check(
    'operations-answers-json',
    draining((t, answer) => {
      const what = `the media type of GET ${HEALTH} while the server drains`;
      t.equal(contentType(answer), 'application/json', what);
    }),
    whileDraining,
  ),

  check(
    'operations-answers-not-stored',
    bothEndpoints(async (t, path) => notStored(t, await t.http(path), `GET ${path}`)),
  ),

  check(
    'operations-answers-not-stored',
    draining((t, answer) => notStored(t, answer, `GET ${HEALTH} while the server drains`)),
    whileDraining,
  ),

  check(
    'operations-answers-name-nobody',
    bothEndpoints(async ({ connect, user, room, http, mint, assert }, path) => {
      const token = mint('ann');
      const ann = await connect('ann', { token });
      await ann.joins('lounge');
      const { body } = await http(path);
      for (const secret of [user('ann'), room('lounge'), token])
        assert(!body.includes(secret), {
          expected: `the answer to GET ${path} names no user, room or token`,
          actual: `it contains ${secret === token ? 'a token' : secret}`,
        });
    }),
  ),

  check(
    'operations-errors-are-problems',
    bothEndpoints(async ({ http, equal, assert }, path) => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const answer = await http(path, { method });
        // A framework that answers OPTIONS by itself, or for CORS, is right.
        if (method === 'OPTIONS' && answer.status >= 200 && answer.status < 300) continue;
        assert(answer.status === 405, {
          expected: `${method} ${path} is answered with 405`,
          actual: `it is answered with ${answer.status}`,
          hint: METHODS,
        });
        equal(
          contentType(answer),
          'application/problem+json',
          `the media type of the answer to ${method} ${path}`,
        );
        const { status } = answer.json() as { status?: unknown };
        if (status !== undefined) equal(status, 405, '`status` in its body');
      }
    }),
  ),

  check(
    'operations-health-degraded',
    async (t) => {
      await withoutBroker(t, {}, () =>
        t.within(
          until(t, 503, 'degraded'),
          {
            expected: `GET ${HEALTH} is answered with 503 and degraded within 10 s of the broker's loss`,
            actual: 'it is not',
          },
          10_000,
        ),
      );
      await t.within(
        // Of every instance, for the checks that follow.
        Promise.all([...t.urls.keys()].map((at) => until(t, 200, 'healthy', at))),
        {
          expected: `GET ${HEALTH} is answered with 200 and healthy when the broker is back`,
          actual: 'it is not',
        },
        30_000,
      );
    },
    { alone: 'last', needs: ['control:broker.stop', 'control:broker.start'] },
  ),
];

async function until(t: Stage, status: number, word: string, at = 0): Promise<void> {
  for (;;) {
    const answer = await t.http(HEALTH, { at });
    if (answer.status === status && (answer.json() as { status?: unknown }).status === word) return;
    await t.pause(100);
  }
}
