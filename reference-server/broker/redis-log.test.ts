import { expect, it } from 'vitest';
import { sparing } from './redis-log.js';

it('says the same thing at most every ten seconds, and how often it was left out', () => {
  const lines: object[] = [];
  let now = 0;
  const log = sparing(
    (line) => lines.push(line),
    () => now,
  );
  const refused = { event: 'redis_error', reason: 'ECONNREFUSED' };
  for (now = 0; now <= 10_000; now += 1_000) log(refused);
  expect(lines).toEqual([refused, { ...refused, repeated: 9 }]);
  log({ event: 'redis_unsettled', reason: 'ECONNREFUSED' });
  log({ event: 'redis_error', reason: 'ECONNRESET' });
  log(refused);
  expect(lines.slice(2)).toEqual([
    { event: 'redis_unsettled', reason: 'ECONNREFUSED' },
    { event: 'redis_error', reason: 'ECONNRESET' },
    refused,
  ]);
});
