import { describe, expect, it } from 'vitest';
import type { Failure } from '#conformance/harness/events.js';
import { readable } from './readable.js';

const entry = (text: string) =>
  ({ at_ms: 0, peer: 'ann', direction: 'received', kind: 'text', text }) as const;
const failure = (...texts: string[]): Failure => ({
  rule: 'r',
  expected: ['ann-6626a1 hears nothing of lounge-6626a1'],
  actual: 'it came from bob-6626a1',
  timeline: texts.map(entry),
});

describe('readable', () => {
  it('takes the suffix of a check off its names', () => {
    const found = readable(
      failure('{"type":"join","room":"lounge-6626a1"}', '{"from":"ann-6626a1"}'),
    );
    expect(found).toMatchObject({
      expected: ['ann hears nothing of lounge'],
      actual: 'it came from bob',
    });
    expect(found.timeline.map(({ text }) => text)).toEqual([
      '{"type":"join","room":"lounge"}',
      '{"from":"ann"}',
    ]);
  });

  it('takes it from a welcome, where the client is not called as its user is', () => {
    const found = readable(failure('{"type":"welcome","data":{"user":"bob-6626a1"}}'));
    expect(found.actual).toBe('it came from bob');
  });

  it('leaves everything where there is none', () => {
    const given = failure('{"from":"ann-the-first-of-many"}', '{"from":"ann"}');
    expect(readable(given)).toBe(given);
  });
});
