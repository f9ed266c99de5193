import { describe, expect, it } from 'vitest';
import type { RunEvent } from '#conformance/harness/events.js';
import { again } from './replay.js';

const failure = { rule: 'rooms-x', expected: [], actual: '', timeline: [] };
const end = {
  event: 'check_end',
  check: 'rooms-x/late',
  rule: 'rooms-x',
  chapter: 'rooms',
  profile: 'core',
  level: 'must',
  text: '',
  verdict: 'fail',
  duration_ms: 1,
  attempts: 1,
  failure,
} as const;

function replayed(
  settings: Parameters<typeof again>[0],
  ...events: RunEvent[]
): (string | undefined)[] {
  const seen: RunEvent[] = [];
  const report = again(settings, (event) => void seen.push(event));
  for (const event of events) report(event);
  return seen.map((event) => (event.event === 'check_end' ? event.failure?.replay : undefined));
}

describe('again', () => {
  it('repeats what described the target, quoted for a shell', () => {
    expect(replayed({ start: "node 'my server.js'", path: '/x', bail: true }, end)).toEqual([
      String.raw`npx parlor test --start 'node '\''my server.js'\''' --path /x --only rooms-x/late`,
    ]);
  });

  it('never repeats a secret', () => {
    expect(replayed({ url: ['ws://h/ws'], 'token-secret': 'shh' }, end)).toEqual([
      'npx parlor test ws://h/ws --token-secret "$PARLOR_TEST_TOKEN_SECRET" --only rooms-x/late',
    ]);
  });

  it('runs the check that received the frame, where a rule has none of its own', () => {
    const finding = { event: 'finding', rule: 'rooms-x', check: 'chat-y', failure } as const;
    expect(replayed({}, finding, { ...end, check: 'rooms-x/every-frame' })).toEqual([
      undefined,
      'npx parlor test --only chat-y',
    ]);
  });

  it('adds the target to a command that runs a saved conversation', () => {
    const saved = { ...end, failure: { ...failure, replay: 'parlor replay rooms-x-1' } };
    expect(replayed({ start: 'node server.js', logs: true, only: ['rooms'] }, saved)).toEqual([
      "parlor replay rooms-x-1 --start 'node server.js' --logs",
    ]);
  });
});
