import { expect, it } from 'vitest';
import { Turns } from './turns.js';

it('lets the next one come in when a turn is given back, in order and once', async () => {
  const turns = new Turns(2);
  const [first, second] = [await turns.take(), await turns.take()];
  const came: string[] = [];
  const others = ['a', 'b', 'c'].map(async (name) => {
    const back = await turns.take();
    came.push(name);
    return back;
  });
  await Promise.resolve();
  expect(came).toEqual([]);
  first();
  first();
  const back = await others[0];
  expect(came).toEqual(['a']);
  second();
  back?.();
  await Promise.all(others);
  expect(came).toEqual(['a', 'b', 'c']);
});
