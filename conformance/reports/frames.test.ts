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
    [
      'text',
      '{"type":"join","id":"1","room":"den","data":{"since":{"epoch":"e","seq":1}}}',
      'join den since {"epoch":"e","seq":1} id 1',
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

const rows = (timeline: TimelineEntry[], most: number) =>
  excerpt({ timeline, expected: [], actual: '' }, most).map((each) =>
    typeof each === 'number' ? each : each.text,
  );

describe('excerpt', () => {
  it('drops heartbeats first, then the middle, and says how much', () => {
    const pings = Array.from({ length: 50 }, () => entry('ping', ''));
    const texts = Array.from({ length: 12 }, (_, index) => entry('text', String(index)));
    expect(rows([...pings, ...texts], 20)).toEqual(texts.map(({ text }) => text));
    expect(rows(texts, 8)).toEqual(['0', '1', 4, '6', '7', '8', '9', '10', '11']);
  });

  it('keeps what the failure rests on, before all else', () => {
    const timeline = Array.from({ length: 30 }, (_, index) => ({
      ...entry('text', String(index)),
      ...(index % 5 === 2 && { decisive: true as const }),
    }));
    expect(rows(timeline, 8)).toEqual([
      '0',
      '1',
      '2',
      4,
      '7',
      4,
      '12',
      4,
      '17',
      4,
      '22',
      4,
      '27',
      2,
    ]);
  });

  it('keeps the frame that the failure quotes, as the client saw it that is named', () => {
    const other = '{"type":"chat","seq":1}';
    const early = '{"type": "chat", "seq": 2}';
    const timeline = Array.from({ length: 20 }, (_, index) => entry('text', String(index)));
    timeline[6] = { ...entry('text', early), peer: 'bob' };
    timeline[8] = entry('text', early);
    timeline[9] = entry('text', other);
    const actual = 'before the ack came [{"type":"chat","seq":2}]';
    const told = { timeline, expected: ['ann receives the ack first'], actual };
    expect(excerpt(told, 8)).toEqual([
      ...timeline.slice(0, 2),
      6,
      timeline[8],
      6,
      ...timeline.slice(15),
    ]);
    expect(excerpt({ ...told, expected: [] }, 8)).toContain(timeline[6]);
  });

  it('shows no more than it may, however much the failure quotes', () => {
    const timeline = Array.from({ length: 40 }, (_, seq) => entry('text', `{"seq":${seq}}`));
    const actual = timeline.map(({ text }) => text).join(',');
    const shown = excerpt({ timeline, expected: [], actual }, 8);
    expect(shown.filter((each) => typeof each !== 'number')).toHaveLength(8);
    expect(shown.at(-1)).toBe(timeline.at(-1));
  });

  it('keeps heartbeats where there is nothing else', () => {
    const pings = Array.from({ length: 9 }, () => entry('ping', ''));
    expect(rows(pings, 4)).toEqual(['', 5, '', '', '']);
  });
});
