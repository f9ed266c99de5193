import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CheckEnd, RunEvent, RunStart } from '#conformance/harness/events.js';
import { book, events, explainedEvents, hostileEvents, opening } from '../fixtures/example.js';
import { redacting } from '../redact.js';
import { columns } from '../text.js';
import { terminal } from './reporter.js';
import type { Screen } from './style.js';

async function shown(run: readonly RunEvent[], screen: Partial<Screen> = {}): Promise<string> {
  let text = '';
  const report = terminal(
    { write: (part) => (text += part), width: 80, rows: 24, live: false, color: false, ...screen },
    book,
    opening,
    { profile: true },
  );
  for (const event of run) {
    await report(event);
    if (screen.live) vi.advanceTimersByTime(100);
  }
  return text;
}

const ESCAPE = '\u001b';

afterEach(() => {
  vi.useRealTimers();
});

describe('the terminal report', () => {
  it('shows the failures before the totals, and ends with the plain line', async () => {
    const lines = (await shown(events)).trimEnd().split('\n');
    expect(lines.at(-1)).toBe('8 passed, 7 failed, 3 skipped');
    expect(lines.slice(-6, -1).join(' ')).toMatch(
      /in \S+ m?s, of \d+ rules: \d+ broken, .*\d+ kept, .* among the checks: 1 warning, 1 inconclusive, 1 vacuous, 1 known failure, 1 excluded$/,
    );
    const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
    expect(at('FAIL handshake-refusal-after-upgrade')).toBeGreaterThan(0);
    expect(at('FAIL')).toBeLessThan(at('WARN'));
    expect(at('WARN')).toBeLessThan(at('KNOWN'));
  });

  it('tells a failure with sentence, link, outcomes, hint, frames, script and the way back', async () => {
    const text = await shown(events);
    for (const part of [
      'spec/chat.md#chat-order-per-sender',
      'expected    c1 receives "a" before "b"',
      'happened    c1 received seq 2 ("b") before seq 1 ("a").',
      '    10.0  → chat r0 "a" id 1',
      'smallest script, fails in 7 of 10 runs',
      '      {"op":"join","client":0,"room":0,"wait":true},',
      '  again parlor replay 9f3c21',
      'follows     3 other checks failed for this reason:',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('shows what probably follows beneath its cause, and counts causes', async () => {
    const text = await shown(explainedEvents);
    expect(text).toContain(
      'probably follows from it: 1 other failure where clients saw this rule broken',
    );
    expect(text).toContain(
      '    chat-order-per-sender  c1 received seq 2 ("b") before seq 1 ("a").',
    );
    expect(text).not.toContain('FAIL chat-order-per-sender');
    expect(text).toContain('3 causes for 7 failures, as far as can be told');
    expect(text.trimEnd().split('\n').at(-1)).toBe('8 passed, 7 failed, 3 skipped');
  });

  it('has a column for each client', async () => {
    const text = await shown(events);
    expect(text).toMatch(/^ {6}ms {2}ann +bob +eve$/m);
  });

  it.each([46, 80, 200])(
    'fits %i columns, but for the command that is to be copied',
    async (width) => {
      const wide = (await shown(events, { width }))
        .split('\n')
        .filter((line) => columns(line) > width);
      expect(wide.filter((line) => !/^ {2}(again |spec\/)/.test(line))).toEqual([]);
    },
  );

  it('writes plain lines without colour, and redraws only on a terminal', async () => {
    expect(await shown(events)).not.toContain(ESCAPE);
    const colored = await shown(events, { color: true });
    expect(colored).toContain(`${ESCAPE}[31m`);
    expect(colored).not.toContain(`${ESCAPE}[1A`);
    vi.useFakeTimers();
    expect(await shown(events, { live: true })).toContain(`${ESCAPE}[0J`);
  });

  it('lets no server write to the terminal', async () => {
    const text = await shown(hostileEvents);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066\ufeff]/);
    expect(text.length).toBeLessThan(200_000);
  });

  it('shows nothing of a run that never began', async () => {
    expect(await shown(events.slice(-1))).toBe('');
  });

  it('names of the checks that run as many as there is room for, each whole', async () => {
    vi.useFakeTimers();
    const [start] = events as [RunStart];
    const checks = ['one', 'two', 'three', 'four', 'five', 'six'].map(
      (name) => `chat-${name}-told`,
    );
    const began = checks.map((check) => ({ event: 'check_start', check, rule: check }) as const);
    const text = await shown([{ ...start, checks }, ...began], { live: true });
    expect(text).toMatch(/ chat {11}0 of 6: one-told, two-told, three-told, 3 more +\d+ ms\n/);
  });

  it('breaks what a chapter came to where it has commas', async () => {
    const [start, end] = [events[0], events.at(-1)] as [RunStart, RunEvent];
    const [found] = events.filter((event) => event.event === 'check_end');
    const { failure: _, ...base } = found as CheckEnd;
    const verdicts = ['pass', 'inconclusive', 'vacuous', 'warning', 'not_exercised'] as const;
    const ends = verdicts.map((verdict) => ({ ...base, verdict, check: `chat-${verdict}` }));
    const text = await shown([{ ...start, checks: ends.map(({ check }) => check) }, ...ends, end]);
    expect(text).toMatch(
      / chat {11}1 inconclusive, 1 vacuous, 1 warning, 1 passed, *(\d+ ms)?\n {19}1 not exercised\n/,
    );
  });

  it('keeps the sentence of a rule that speaks of a header', async () => {
    const sentence = 'A server MUST accept a token in an `Authorization: Bearer` header.';
    const told: string[] = [];
    const report = redacting(
      (event) => void (event.event === 'check_end' && told.push(event.text)),
    );
    const [found] = events.filter((event) => event.event === 'check_end');
    await report({ ...(found as CheckEnd), text: sentence });
    expect(told).toEqual([sentence]);
  });

  it('says once what several checks of a rule say', async () => {
    const [start, end] = [events[0], events.at(-1)] as [RunStart, RunEvent];
    const failed = events.find((event) => event.event === 'check_end' && event.verdict === 'fail');
    // Twelve are shown in full.
    const rules = [...Array.from({ length: 12 }, (_, index) => `rooms-${index}`), 'zeal-x'];
    const ends = rules.flatMap((rule) =>
      (rule === 'zeal-x' ? ['', '/a', '/b'] : ['']).map((variant) => {
        const { root_cause: _, ...failure } = { ...(failed as CheckEnd).failure, root_cause: '' };
        return { ...(failed as CheckEnd), rule, check: rule + variant, failure } as CheckEnd;
      }),
    );
    const checks = ends.map(({ check }) => check);
    const text = await shown([{ ...start, checks }, ...ends, end]);
    expect(text).toMatch(/^FAIL (rooms-11|zeal-x)/m);
    expect(text.match(/^FAIL .*zeal-x.*$/gm)?.join()).toMatch(/\/a, \/b$/);
  });

  it('names chapters of which nothing could be asked', async () => {
    expect(await shown(events)).toMatch(/^ {2}– cluster +1 not exercised/m);
  });

  it('says a reason once where it differs by a port, on as many lines as it has', async () => {
    const [first] = events.filter((event) => event.event === 'check_end');
    const skipped = ['a-one', 'a-two'].map((check, index) => ({
      ...(first as Extract<RunEvent, { event: 'check_end' }>),
      check,
      verdict: 'not_exercised' as const,
      reason: `it did not listen on 127.0.0.1:${20_000 + index}; its last output:\nno module`,
    }));
    const text = await shown([...events.slice(0, -1), ...skipped, ...events.slice(-1)]);
    expect(text).toMatch(/127\.0\.0\.1:20000; its last output:\n {2}no module\n {4}a-one, a-two\n/);
    expect(text).not.toContain('20001');
  });

  it('adds to a chapter that was complete, and never says it twice', async () => {
    const [start, end] = [events[0], events.at(-1)] as [RunStart, RunEvent];
    const [found] = events.filter((event) => event.event === 'check_end');
    const done = {
      ...(found as CheckEnd),
      verdict: 'pass' as const,
      check: 'chat-a',
      rule: 'chat-a',
    };
    const { failure: _, ...passed } = done;
    const late = { ...done, verdict: 'fail' as const, check: 'chat-b/every-frame', rule: 'chat-b' };
    const text = await shown([{ ...start, checks: ['chat-a'] }, passed, late, end]);
    expect(text.match(/^ {2}. chat .*$/gm)).toEqual([
      expect.stringMatching(/✓ chat +1 passed/),
      expect.stringMatching(/✗ chat +and 1 failed, in frames of other checks$/),
    ]);
  });
});
