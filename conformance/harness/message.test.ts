import { describe, expect, it } from 'vitest';
import { buildBinary, isMessage, matches, parseBinary, parseText } from './message.js';

describe('a text message', () => {
  it.each([
    ['no JSON', '{"type":', 'is not JSON'],
    ['no object', '[1]', 'no JSON object'],
    ['two values', '{"type":"a"}{}', 'is not JSON'],
    ['a member twice', '{"type":"a","data":{"x":1,"x":2}}', 'has a member twice'],
    [
      'a member twice, and blanks',
      '{ "type" : "a", "data"\n:{"x":"\\\\" ,\t"x"\r: 2 } }',
      'has a member twice',
    ],
    ['a lone surrogate', '{"type":"a","data":{"x":"\\ud800"}}', 'lone surrogate'],
    ['no type', '{"data":{}}', 'no type'],
  ])('is refused for %s', (_name, text, fault) => {
    const parsed = parseText(Buffer.from(text));
    expect(isMessage(parsed) ? 'a message' : parsed.fault).toContain(fault);
  });

  it.each([
    '{"type":"a","data":{"x":"a:b\\":{\\\\"}}',
    '{"type":"a","data":{"x":"\\ud83d\\ude00 \\\\ud800"}}',
    '{"type" : "a", "data" :\n{"x" : ["a", ":", "\\\\\\":"], "": "" } }',
    '{"type":"a","data":{"__proto__":{"fault":1}},"fault":[{"a":1},{"a":2}]}',
  ])('is taken: %s', (text) => {
    expect(isMessage(parseText(Buffer.from(text)))).toBe(true);
  });
});

describe('a binary message', () => {
  it('comes back with its payload', () => {
    const parsed = parseBinary(
      buildBinary({ type: 'binary', room: 'lounge' }, Buffer.from([1, 2])),
    );
    expect(parsed).toMatchObject({ type: 'binary', room: 'lounge', payload: Buffer.from([1, 2]) });
  });

  it.each([[[]], [[2, 0, 0]], [[1, 0, 9, 123]], [[1, 0, 2, 91, 93]]])('is refused: %j', (bytes) => {
    expect(isMessage(parseBinary(Buffer.from(bytes)))).toBe(false);
  });
});

describe('matches', () => {
  it.each([
    [{ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } }, true],
    [{ a: 1 }, { a: undefined }, false],
    [{ b: 1 }, { a: undefined }, true],
    [{ a: [1, 2] }, { a: [1] }, false],
    ['x', { length: 1 }, false],
    [null, {}, false],
  ])('%j has %j: %s', (value, match, expected) => {
    expect(matches(value, match)).toBe(expected);
  });
});
