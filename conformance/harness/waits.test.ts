import { afterEach, expect, it, vi } from 'vitest';
import { Waits } from './waits.js';
import { Watchdog } from './watchdog.js';

afterEach(() => void vi.useRealTimers());

it('leaves no timer behind when it has ended, whatever still loops', async () => {
  vi.useFakeTimers();
  const waits = new Waits(new Watchdog());
  let rounds = 0;
  const loop = async () => {
    for (;;) {
      await waits.pause(10);
      rounds += 1;
    }
  };
  void loop();
  await vi.advanceTimersByTimeAsync(35);
  expect(rounds).toBe(3);
  waits.end();
  // One that was waiting for something else when it ended.
  void loop();
  await vi.advanceTimersByTimeAsync(100);
  expect([rounds, vi.getTimerCount()]).toEqual([3, 0]);
});

it('counts as waiting at once while time passes, and else after half a second', async () => {
  vi.useFakeTimers();
  const waits = new Waits(new Watchdog());
  const stop = waits.watch(() => {}, 0);
  expect(waits.stalled).toBe(false);
  await vi.advanceTimersByTimeAsync(501);
  expect(waits.stalled).toBe(true);
  stop();
  expect(waits.stalled).toBe(false);
  const pause = waits.pause(700);
  expect(waits.stalled).toBe(true);
  await vi.advanceTimersByTimeAsync(700);
  await pause;
  expect(waits.stalled).toBe(false);
  void waits.pause(20);
  expect(waits.stalled).toBe(false);
  waits.end();
});
