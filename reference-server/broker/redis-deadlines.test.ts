import { afterEach, describe, expect, it } from 'vitest';
import { Deadlines } from './redis-deadlines.js';

let deadlines: Deadlines | null = null;

afterEach(() => {
  deadlines?.close(new Error('closed'));
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('hands on what comes in time', async () => {
  deadlines = new Deadlines(200, () => expect.unreachable());
  await expect(deadlines.within(async () => 'answer')).resolves.toBe('answer');
  await expect(deadlines.within(() => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong');
});

it('is told of what waits for too long, and may fail just that', async () => {
  let late = 0;
  deadlines = new Deadlines(150, (failLate) => {
    late += 1;
    failLate(new Error('late'));
  });
  const old = deadlines.within(() => new Promise(() => {}));
  const expected = expect(old).rejects.toThrow('late');
  await pause(130);
  const young = deadlines.within(async () => {
    await pause(60);
    return 'young';
  });
  await expected;
  expect(late).toBe(1);
  await expect(young).resolves.toBe('young');
});

it('does not call an answer late that came while the loop was busy', async () => {
  deadlines = new Deadlines(150, (failLate) => failLate(new Error('late')));
  const asked = deadlines.within(() => new Promise((resolve) => setImmediate(resolve, 'answer')));
  const until = performance.now() + 400;
  while (performance.now() < until);
  await expect(asked).resolves.toBe('answer');
});

describe('while others are answered', () => {
  // Asks one thing after another, each of which is answered at once, and then what comes of the one that is not.
  async function beside(ms: number, ordered: boolean, answered: number, come = true) {
    const judge = new Deadlines(ms, (failLate) => failLate(new Error('late')), { ordered });
    deadlines = judge;
    let answer: (text: string) => void = () => {};
    const asked = judge.within(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    let others = 0;
    const timer = setInterval(() => {
      others += 1;
      if (others < answered) void judge.within(async () => 'another');
      if (others === answered && come) answer('answer');
    }, 10);
    return asked.catch((error: Error) => error.message).finally(() => clearInterval(timer));
  }

  it('waits on where answers come in order', async () => {
    expect(await beside(60, true, 50)).toBe('answer');
  });

  it('does not where they come over several connections', async () => {
    expect(await beside(200, false, Number.POSITIVE_INFINITY)).toBe('late');
  });

  it('waits no longer once they are answered no more', async () => {
    expect(await beside(60, true, 10, false)).toBe('late');
  });
});

it('fails everything when it is closed', async () => {
  deadlines = new Deadlines(1_000, () => expect.unreachable());
  const asked = deadlines.within(() => new Promise(() => {}));
  deadlines.close(new Error('closed'));
  await expect(asked).rejects.toThrow('closed');
});
