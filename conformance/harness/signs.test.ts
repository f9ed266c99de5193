import { describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { launcher } from '#conformance/mutants/launcher.js';
import type { Client, Said } from './course.js';
import type { Message } from './message.js';
import { runConformance } from './run.js';
import { signsOf } from './signs.js';

// How a connection ends is often what a check wants; it explains only what did not expect an end.
const ENDINGS =
  /^(?:errors-connection-kept|errors-budget|limits-connections|rates-close|heartbeat-a)/;

describe('the signs of broken rules', () => {
  it('are not seen in a right server', async () => {
    const seen: string[] = [];
    const looked = checks
      .filter(({ rule }) => /^(?:rooms|chat|messages|typing)-/.test(rule))
      .filter(({ options }) => !options.instance)
      .map((check) => ({
        ...check,
        run: async (stage: Parameters<typeof check.run>[0]) => {
          await check.run(stage);
          for (const { rule, told } of stage.signs())
            if (!ENDINGS.test(rule)) seen.push(`${check.id} saw ${rule}: ${told}`);
        },
      }));
    const end = await runConformance(
      { start: launcher({ parts: () => ({}) }) },
      { checks: looked },
    );
    expect(end.totals.pass).toBeGreaterThan(90);
    expect(seen).toEqual([]);
  });

  it('are looked for in whatever a server sends', () => {
    const odd: unknown[] = [
      undefined,
      null,
      true,
      1,
      -0.5,
      '',
      'ann',
      [],
      ['ann', null],
      {},
      { toString: 1 },
    ];
    const types = ['join', 'leave', 'chat', 'binary', 'typing', 'ack', 'error', 'pong', 'welcome'];
    const messages = types.flatMap((type) =>
      odd.map((each) => ({
        type,
        id: each,
        ref: type === 'ack' || type === 'error' ? 'r1' : each,
        room: each ?? 'lounge',
        seq: each,
        from: each,
        timestamp: each,
        data: {
          user: each,
          members: each,
          count: each,
          seq: each,
          id: each,
          code: each,
          reason: each,
        },
      })),
    );
    const said = ['join', 'chat', 'constructor', 'leave', '__proto__', 'members', 'chat'].map(
      (type, at) => ({
        type,
        at,
        id: at < 5 ? `r${at % 3}` : undefined,
        room: 'lounge',
      }),
    );
    const clients = [client('ann', said, messages), client('bob', said, messages.toReversed())];
    const rates = [
      {
        bucket: 'messages',
        types: ['chat'],
        limit: 1,
        window_ms: 9,
        scope: 'user',
        close_after: 0,
      },
    ] as const;
    expect(
      signsOf({ clients, rates: rates.map((r) => ({ ...r, types: [...r.types] })), findings: [] })
        .length,
    ).toBeGreaterThan(5);
  });
});

function client(user: string, said: Said[], messages: unknown[]): Client {
  return {
    label: user,
    user,
    verified: user,
    said,
    closed: undefined,
    log: messages.map((message, at) => ({ message: message as Message, raw: Buffer.alloc(0), at })),
  };
}
