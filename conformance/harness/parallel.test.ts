import { expect, it } from 'vitest';
import { parallel } from './parallel.js';

it('runs at most so many at once, and keeps the order of the items', async () => {
  let [running, most] = [0, 0];
  const doubled = await parallel(3, [5, 1, 4, 2, 3], async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    running -= 1;
    return 2 * turns;
  });
  expect(doubled).toEqual([10, 2, 8, 4, 6]);
  expect(most).toBe(3);
});

it('fails with the first that fails, and does nothing with nothing', async () => {
  const failing = parallel(2, [1, 2], async (number) => {
    throw new Error(`number ${number}`);
  });
  await expect(failing).rejects.toThrow('number 1');
  await expect(parallel(2, [], async () => 1)).resolves.toEqual([]);
});
