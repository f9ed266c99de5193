import { expect, test } from 'vitest';
import { Inconclusive, Violation, violationOf } from './verdict.js';

test('what a step finds wrong is handed over', async () => {
  const violation = new Violation({ expected: 'a pong', actual: 'nothing came' });
  expect(await violationOf(() => Promise.reject(violation))).toBe(violation);
});

test('a step that finds nothing wrong hands over nothing', async () => {
  expect(await violationOf(async () => 'a pong')).toBeUndefined();
});

test('an error that is no verdict on the target goes on', async () => {
  const noise = new Inconclusive('the machine was too noisy');
  await expect(violationOf(() => Promise.reject(noise))).rejects.toBe(noise);
});
