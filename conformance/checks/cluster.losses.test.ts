import { describe, expect, it } from 'vitest';
import type { Message } from '#conformance/harness/message.js';
import { losses, type Member } from './cluster.losses.js';

const chat = (seq: number, id = `m${seq}`): Message =>
  ({ type: 'chat', id, seq, data: { text: id } }) as unknown as Message;

const gap = (from: number, to: number | null, epoch = 'e1'): Message =>
  ({ type: 'gap', data: { from_seq: from, to_seq: to, epoch } }) as unknown as Message;

const member = (...events: Message[]): Member => ({
  label: 'bob',
  epoch: 'e1',
  seq: 0,
  events: events.map((message, i) => ({ message, at: 10 * (i + 1) })),
});

const acked = (seq: number, at = 0, id = `m${seq}`) => ({ id, seq, text: id, at });

const judged = (who: Member, ...all: ReturnType<typeof acked>[]) => {
  const { faults, missing, covered } = losses(who, all);
  return { faults: faults.length, missing: missing.map(({ id }) => id), covered };
};

const FINE = { faults: 0, missing: [], covered: 0 };

describe('what a member lacks', () => {
  it('is nothing where all came', () => {
    expect(judged(member(chat(1), chat(2)), acked(1), acked(2))).toEqual(FINE);
  });

  it('is what neither came nor is covered', () => {
    expect(judged(member(chat(1)), acked(1), acked(2))).toEqual({ ...FINE, missing: ['m2'] });
    expect(judged(member(chat(1), gap(3, 4)), acked(1), acked(2))).toMatchObject({
      missing: ['m2'],
    });
  });

  it('is explained by a gap that holds it, however wide or many', () => {
    const lost = [acked(2), acked(3)];
    for (const told of [[gap(2, 3)], [gap(2, null)], [gap(1, 9)], [gap(2, 2), gap(3, 3)]])
      expect(judged(member(chat(1), ...told, chat(4)), ...lost)).toEqual({ ...FINE, covered: 2 });
  });

  it('is not explained by a gap that ends before it, or before the next message', () => {
    expect(judged(member(chat(1), gap(2, 2), chat(4)), acked(3))).toEqual({
      faults: 1,
      missing: ['m3'],
      covered: 0,
    });
    expect(judged(member(chat(1), gap(2, null), chat(3)), acked(4))).toMatchObject({
      missing: ['m4'],
    });
  });

  it('has to be told before the next message', () => {
    expect(judged(member(chat(1), chat(3), gap(2, 2)), acked(2))).toEqual({
      faults: 1,
      missing: [],
      covered: 1,
    });
  });

  it('is lost with its epoch, if it was sent before the new one was told', () => {
    const renewed = member(chat(1), gap(1, null, 'e2'), chat(1, 'n1'));
    expect(judged(renewed, acked(2, 5))).toEqual({ ...FINE, covered: 1 });
    expect(judged(renewed, acked(2, 999, 'n2'))).toMatchObject({ missing: ['n2'] });
  });

  it('may not begin again without a word, nor come twice', () => {
    expect(judged(member(chat(1), chat(2), chat(1, 'again')))).toMatchObject({ faults: 1 });
    expect(judged(member(chat(1), gap(2, 2), chat(2), chat(2)))).toMatchObject({ faults: 2 });
  });
});
