import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Agenda } from './agenda.js';

describe('Agenda', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs tasks in the order of their times, and not those taken off', () => {
    const agenda = new Agenda(() => performance.now());
    const ran: number[] = [];
    const later = [50, 10, 30, 20, 40].map((ms) => agenda.in(ms, () => ran.push(ms)));
    agenda.cancel(later[2]);
    vi.advanceTimersByTime(45);
    expect(ran).toEqual([10, 20, 40]);
    vi.advanceTimersByTime(10);
    expect(ran).toEqual([10, 20, 40, 50]);
    expect(agenda.size).toBe(0);
  });

  it('holds times beyond the reach of a timer', () => {
    const agenda = new Agenda(() => performance.now());
    const month = 30 * 86_400_000;
    let ran = false;
    agenda.in(month, () => {
      ran = true;
    });
    vi.advanceTimersByTime(month - 1);
    expect(ran).toBe(false);
    vi.advanceTimersByTime(1);
    expect(ran).toBe(true);
  });

  it('does not grow by tasks that are renewed', () => {
    const agenda = new Agenda(() => performance.now());
    for (let turn = 0; turn < 10_000; turn += 1) agenda.cancel(agenda.in(1_000, () => undefined));
    expect(agenda.size).toBe(0);
    agenda.close();
  });

  it('runs nothing and holds no timer once it is closed', () => {
    const agenda = new Agenda(() => performance.now());
    let ran = 0;
    const count = () => {
      ran += 1;
    };
    agenda.in(10, count);
    agenda.close();
    agenda.cancel(agenda.in(20, count));
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(100);
    expect(ran).toBe(0);
    expect(agenda.size).toBe(0);
  });
});
