import { describe, expect, it } from 'vitest';
import { alternatives, didYouMean, distance, nearest } from './nearest.js';

describe('distance', () => {
  it.each([
    ['', '', 0],
    ['url', 'ulr', 1],
    ['rooms', 'romms', 1],
    ['kitten', 'sitting', 3],
    ['a', '', 1],
  ])('from %s to %s is %i', (a, b, edits) => {
    expect(distance(a, b)).toBe(edits);
  });
});

describe('nearest', () => {
  it('finds what was meant', () => {
    expect(nearest('romms', ['chat', 'rooms', 'room'])).toEqual(['rooms']);
    expect(nearest('hs256', ['RS256', 'HS256'])).toEqual(['HS256']);
  });

  it('finds a part of a long name', () => {
    expect(nearest('no-leak', ['rooms-no-leak-to-strangers', 'chat'])).toEqual([
      'rooms-no-leak-to-strangers',
    ]);
  });

  it('finds nothing where nothing is near', () => {
    expect(nearest('xyzzy', ['rooms', 'chat'])).toEqual([]);
    expect(didYouMean('xyzzy', ['rooms'])).toBe('');
  });
});

describe('alternatives', () => {
  it('joins words as one says them', () => {
    expect([alternatives([]), alternatives(['a']), alternatives(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a, b or c',
    ]);
  });
});
