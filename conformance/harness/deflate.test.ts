import { describe, expect, it } from 'vitest';
import { Deflate, judgeDeflateAnswer, parseExtensions } from './deflate.js';

const one = (header: string) => {
  const [extension] = parseExtensions(header);
  if (!extension) throw new Error(`no extension in ${header}`);
  return extension;
};

describe('permessage-deflate', () => {
  it.each([
    'permessage-deflate',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; client_max_window_bits=8',
    'permessage-deflate; client_max_window_bits=10',
  ])('carries message after message: %s', (answer) => {
    // What one side deflates the other inflates; both remember what they have to.
    const mirrored = answer
      .replaceAll('client_', 'x_')
      .replaceAll('server_', 'client_')
      .replaceAll('x_', 'server_');
    const [sender, receiver] = [new Deflate(one(answer)), new Deflate(one(mirrored))];
    for (const text of ['hello', 'hello', '', 'hello '.repeat(20_000), 'hello'])
      expect(String(receiver.inflate(sender.deflate(Buffer.from(text)), 1 << 20))).toBe(text);
  });

  it('refuses to inflate a bomb', () => {
    const bomb = new Deflate(one('permessage-deflate')).deflate(Buffer.alloc(1 << 22));
    expect(() => new Deflate(one('permessage-deflate')).inflate(bomb, 1 << 16)).toThrow();
  });

  it.each([
    ['permessage-deflate', 'permessage-deflate', []],
    [
      'permessage-deflate; client_max_window_bits',
      'permessage-deflate; client_max_window_bits=12',
      [],
    ],
    [
      'permessage-deflate; server_max_window_bits=10',
      'permessage-deflate; server_max_window_bits=9',
      [],
    ],
    ['permessage-deflate; server_max_window_bits=10, permessage-deflate', 'permessage-deflate', []],
    [
      'permessage-deflate',
      'permessage-deflate; client_max_window_bits=12',
      ['client_max_window_bits was not offered'],
    ],
    [
      'permessage-deflate; client_max_window_bits=10',
      'permessage-deflate; client_max_window_bits=11',
      ['client_max_window_bits is 11, above the offered 10'],
    ],
    [
      'permessage-deflate; server_no_context_takeover',
      'permessage-deflate',
      ['server_no_context_takeover was asked for and is missing'],
    ],
    ['permessage-deflate; server_max_window_bits=10', 'permessage-deflate', []],
    [
      'permessage-deflate',
      'permessage-deflate; server_max_window_bits=16',
      ['server_max_window_bits is 16, not a number from 8 to 15'],
    ],
    [
      'permessage-deflate',
      'permessage-deflate; server_no_context_takeover=1',
      ['server_no_context_takeover has a value'],
    ],
    [
      'permessage-deflate',
      'permessage-deflate; colour=red',
      ['colour is no parameter of permessage-deflate'],
    ],
    [
      'permessage-deflate',
      'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
      ['a parameter is given twice'],
    ],
  ])('judges the offer %s answered by %s', (offer, answer, faults) => {
    expect(judgeDeflateAnswer(one(answer), parseExtensions(offer))).toEqual(faults);
  });
});
