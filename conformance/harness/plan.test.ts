import { expect, it } from 'vitest';
import { type CheckOptions, check } from './check.js';
import { plan } from './plan.js';
import type { RunningTarget } from './target.js';
import type { Welcome } from './welcome.js';

const welcome = { features: [], typing_ttl_ms: 700 } as unknown as Welcome;

const named = (variant: string, options: CheckOptions = {}) =>
  check('chat-acked', async () => {}, { variant, ...options });

const checks = [
  named('plain'),
  named('last', { alone: 'last' }),
  named('short', { timers: true, takes: () => 100 }),
  named('endless', { timers: true, takes: () => Number.POSITIVE_INFINITY }),
  named('apart', { alone: 'apart' }),
  named('own-server', { instance: {} }),
  named('long', { timers: true, takes: ({ typing_ttl_ms }) => typing_ttl_ms }),
];

const started = { urls: ['ws://x'], launch: () => {}, control: {} } as unknown as RunningTarget;
const given = { ...started, launch: undefined };

const order = (target: RunningTarget) => {
  const { together, alone } = plan(checks, target, welcome);
  const names = (list: typeof checks) => list.map(({ options }) => options.variant);
  return { together: names(together), alone: names(alone) };
};

it('begins with what has to be done one after the other, then with what lasts longest', () => {
  expect(order(started)).toEqual({
    together: ['apart', 'long', 'short', 'endless', 'own-server', 'plain'],
    alone: ['last'],
  });
});

it('leaves what touches the whole target for the end, where no other server can be started', () => {
  expect(order(given)).toEqual({
    together: ['long', 'short', 'endless', 'plain'],
    alone: ['last', 'apart'],
  });
});
