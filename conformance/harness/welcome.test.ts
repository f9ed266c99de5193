import { describe, expect, it } from 'vitest';
import { bucketOf, differing, type Welcome } from './welcome.js';

const rates = [{ bucket: 'messages', types: ['chat'], limit: 10 }];
const welcome = { connection_id: 'c1', limits: { max_rooms: 50 }, rates } as unknown as Welcome;

describe('what a connection is told', () => {
  it('is the same where only names differ', () => {
    expect(
      differing(welcome, structuredClone({ ...welcome, connection_id: 'c2' })),
    ).toBeUndefined();
  });

  it('differs by the numbers that a server may choose', () => {
    const other = { ...welcome, limits: { ...welcome.limits, max_rooms: 5 } };
    expect(differing(welcome, other)).toBe(
      'connections are told different numbers (`limits`), and the suite goes by the first',
    );
  });

  it('names the bucket of a type', () => {
    expect(bucketOf(welcome, 'chat')?.limit).toBe(10);
    expect(bucketOf(welcome, 'join')).toBeUndefined();
  });
});
