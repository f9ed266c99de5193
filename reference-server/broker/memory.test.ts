import { expect, it } from 'vitest';
import { world } from '../fixtures/core.js';
import { defaultParts } from '../parts.js';
import { MemoryBroker } from './memory.js';

it('keeps nothing of users and rooms that are long gone', async () => {
  const { core, connect, pass } = await world();
  const memory = new MemoryBroker(defaultParts, {
    mostListed: 1_000,
    resume: null,
    dedupWindowMs: 1_000,
  });
  const ann = await connect('ann');
  expect(ann.closing).toBeNull();
  const broker = memory.attach({
    item: () => undefined,
    direct: () => undefined,
    broadcast: () => undefined,
    revoked: () => undefined,
  });
  const at = core.now();
  for (let n = 0; n < 100; n += 1) {
    const who = { user: `user-${n}`, connection: `c-${n}` };
    const room = `room-${n}`;
    await broker.enter(who, 1, at);
    await broker.join(room, who, null, at);
    await broker.admit(who.user, { limit: 1, window_ms: 1_000 }, at);
    await broker.remember({ user: who.user, id: '1', digest: '' }, {}, at);
    await broker.exit(who, [{ room, farewell: null }], 'disconnected', at);
  }
  pass(1_000);
  broker.sweep(core.now());
  expect(memory.sizes).toEqual({ rooms: 0, users: 0, quotas: 0, requests: 0 });
});
