import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Canary, type Expiry, Watchdog } from './watchdog.js';

/** A canary whose health the test decides. */
class Fake implements Canary {
  roundTrips = 0;
  silentFor = 0;
  alive = true;
  sing(): void {
    if (this.alive) this.roundTrips += 1;
  }
}

describe('the watchdog', () => {
  let dog: Watchdog;
  let canary: Fake;
  let why: Expiry | undefined;

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
    dog = new Watchdog();
    canary = new Fake();
    why = undefined;
    setInterval(() => canary.sing(), 50);
    dog.start(canary);
  });

  afterEach(() => {
    dog.stop();
    vi.useRealTimers();
  });

  const wait = (extraMs?: number) =>
    dog.watch((reason) => {
      why = reason;
    }, extraMs);

  it('gives up a wait after five healthy seconds', () => {
    wait();
    vi.advanceTimersByTime(4_900);
    expect(why).toBeUndefined();
    vi.advanceTimersByTime(300);
    expect(why).toBe('silence');
  });

  it('lengthens a wait by an announced time', () => {
    wait(10_000);
    vi.advanceTimersByTime(14_900);
    expect(why).toBeUndefined();
    vi.advanceTimersByTime(300);
    expect(why).toBe('silence');
  });

  it('does not count while the canary is silent', () => {
    wait();
    vi.advanceTimersByTime(2_000);
    canary.alive = false;
    vi.advanceTimersByTime(8_000);
    expect(why).toBeUndefined();
    canary.alive = true;
    vi.advanceTimersByTime(3_300);
    expect(why).toBe('silence');
  });

  it('calls it noise when there is not enough health within a minute', () => {
    canary.alive = false;
    wait();
    vi.advanceTimersByTime(59_000);
    expect(why).toBeUndefined();
    vi.advanceTimersByTime(2_000);
    expect(why).toBe('noise');
  });

  it('calls it lost when the target stopped answering altogether', () => {
    canary.alive = false;
    canary.silentFor = 11_000;
    wait();
    vi.advanceTimersByTime(5_300);
    expect(why).toBe('lost');
  });

  it('counts by our own clock where there is no canary', () => {
    const alone = new Watchdog();
    alone.start();
    alone.watch((reason) => {
      why = reason;
    });
    vi.advanceTimersByTime(5_200);
    expect(why).toBe('silence');
    alone.stop();
  });

  it('forgets a wait that ended', () => {
    wait()();
    vi.advanceTimersByTime(70_000);
    expect(why).toBeUndefined();
  });

  it('tells how noisy it was', () => {
    vi.advanceTimersByTime(1_000);
    canary.alive = false;
    vi.advanceTimersByTime(1_000);
    expect(dog.noise).toBeCloseTo(0.5, 1);
  });
});
