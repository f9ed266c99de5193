import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '#conformance/harness/events.js';
import { brief, excerpt } from './frames.js';

const entry = (kind: TimelineEntry['kind'], text: string): TimelineEntry => ({
  at_ms: 0,
  peer: 'ann',
  direction: 'received',
  kind,
  text,
});

describe('brief', () => {
  it.each([
    [
      'text',
      '{"type":"chat","room":"lounge","from":"ann","seq":3,"data":{"text":"hi"}}',
      'chat lounge "hi" from ann seq 3',
    ],
    [
      'text',
      '{"type":"error","ref":"r1","data":{"code":"not_in_room"}}',
      'error not_in_room ref r1',
    ],
    ['text', '{"type":', '{"type":'],
    ['text', '[1]', '[1]'],
    [
      'text',
      `{"type":"chat","data":{"text":"${'a'.repeat(100)}"}}`,
      `chat "${'a'.repeat(39)}…" of 100 bytes`,
    ],
    ['text', '{"type":"ch… (4200 bytes)', '4200 bytes: {"type":"ch… (4200 bytes)'],
    ['close', '4001 token_missing', 'close 4001 token_missing'],
    ['ping', '', 'ping'],
    ['handshake', 'HTTP/1.1 403 Forbidden\r\nServer: x', '403 Forbidden'],
    ['handshake', 'GET /ws?x=1 HTTP/1.1\r\nHost: y', 'GET /ws?x=1'],
  ] as const)('shows a %s frame %s as %s', (kind, text, expected) => {
    expect(brief(entry(kind, text))).toBe(expected);
  });
});

describe('excerpt', () => {
  it('drops heartbeats first, then the middle, and says how much', () => {
    const pings = Array.from({ length: 50 }, () => entry('ping', ''));
    const texts = Array.from({ length: 12 }, (_, index) => entry('text', String(index)));
    expect(excerpt([...pings, ...texts], 20)).toEqual({ head: texts, left_out: 0, tail: [] });
    const { head, left_out, tail } = excerpt(texts, 8);
    expect([...head, ...tail].map(({ text }) => text)).toEqual([
      '0',
      '1',
      '6',
      '7',
      '8',
      '9',
      '10',
      '11',
    ]);
    expect(left_out).toBe(4);
  });

  it('keeps heartbeats where there is nothing else', () => {
    expect(
      excerpt(
        Array.from({ length: 9 }, () => entry('ping', '')),
        4,
      ),
    ).toMatchObject({ left_out: 5 });
  });
});
