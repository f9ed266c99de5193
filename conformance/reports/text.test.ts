import { describe, expect, it } from 'vitest';
import { clip, columns, count, duration, pad, shorten, visible, wrap } from './text.js';

describe('visible', () => {
  it('leaves nothing that could move a cursor or hide text', () => {
    expect(visible('a\u001b[2Jb\n\t\r\u202e\ud800')).toBe(
      'a\\u{1b}[2Jb\\n\\t\\r\\u{202e}\\u{d800}',
    );
  });

  it('keeps what people write', () => {
    expect(visible('é 漢字 👩‍👧 “ok”')).toBe('é 漢字 👩‍👧 “ok”');
  });
});

describe('columns', () => {
  it.each([
    ['abc', 3],
    ['漢字', 4],
    ['e\u0301', 1],
    ['👋', 2],
  ])('gives %s %i', (text, width) => {
    expect(columns(text)).toBe(width);
  });
});

describe('clip and pad', () => {
  it('cut by columns, never inside a character', () => {
    expect(clip('hello world', 8)).toBe('hello w…');
    expect(clip('漢字漢字', 5)).toBe('漢字…');
    expect(clip('short', 5)).toBe('short');
    expect(pad('ab', 4)).toBe('ab  ');
    expect(columns(pad('漢字漢字', 6))).toBe(6);
  });
});

describe('wrap', () => {
  it('breaks at spaces, and inside words that are too long', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  });

  it('keeps an indentation on every line', () => {
    expect(wrap('  one two three', 8)).toEqual(['  one', '  two', '  three']);
  });

  it('breaks 100 kB in a moment', () => {
    expect(wrap('x'.repeat(100_000), 80)).toHaveLength(1_250);
  });
});

describe('shorten', () => {
  it('says how much is missing and halves no character', () => {
    expect(shorten('abcdef', 3)).toBe('abc… (3 more characters)');
    expect(shorten('ab👋cd', 3)).toBe('ab… (4 more characters)');
  });
});

describe('numbers for people', () => {
  it.each([
    [0.4, '0 ms'],
    [999.6, '1.0 s'],
    [1_234, '1.2 s'],
    [125_000, '2 min 5 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('knows one from many', () => {
    expect([count(1, 'rule'), count(2, 'rule')]).toEqual(['1 rule', '2 rules']);
  });
});
