import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateClient } from '#schemas/validate.js';
import { breaches } from '../breaches.js';
import { converse } from '../converse.js';
import { Coverage } from '../coverage.js';
import { SWEEPS, sweep } from '../generate.js';
import { mistakes } from '../mistakes.js';
import { announced, coreOnly, styles } from '../model/announced.js';
import { randomFrom, Simulation } from '../model/network.js';
import { Server } from '../model/server.js';
import { compile } from './compile.js';
import { broken, isBroken, requestTypes, resolve } from './requests.js';

describe('messages made from the schemas', () => {
  it.each(requestTypes.map((each) => [each.type, each] as const))(
    '%s: whatever is drawn as valid is valid',
    (type, { valid }) => {
      fc.assert(
        fc.property(valid, (message) => {
          expect(validateClient(type, message)).toBeNull();
        }),
        { numRuns: 200, seed: 1 },
      );
    },
  );

  it.each(requestTypes.map((each) => [each.type, each] as const))(
    '%s: each fault makes it invalid, in every variant',
    (_, request) => {
      for (const fault of request.faults.filter(
        ({ path, label }) => path !== '' && !(path === '/data' && label === 'is missing'),
      ))
        for (let variant = 0; variant < 8; variant += 1) {
          const message = broken(request, fault, variant, 'attic');
          expect(
            isBroken(request, message),
            `${fault.path}: ${fault.label}: ${JSON.stringify(message)}`,
          ).toBe(true);
        }
    },
  );

  it('know every keyword, and refuse to guess', () => {
    expect(() => compile({ type: 'string', format: 'email' }, resolve)).toThrow('format');
    expect(() => compile({ type: 'array' }, resolve)).toThrow('array');
    expect(() => compile({ $ref: 'urn:parlor:v1:defs#/$defs/nothing' }, resolve)).toThrow(
      'nothing',
    );
  });

  it('are many', () => {
    expect(mistakes.length).toBeGreaterThan(200);
    expect(new Set(mistakes.map(({ label }) => label)).size).toBe(mistakes.length);
  });

  it('make every mistake of every message at least five times in a run', async () => {
    const coverage = new Coverage();
    for (let round = 0; round < SWEEPS; round += 1) {
      for (const script of sweep(round)) {
        const [style] = styles as [(typeof styles)[number]];
        const network = new Simulation(new Server(announced, style, () => false), randomFrom(1));
        coverage.add((await converse(script, network, announced, 'test')).judgement);
      }
    }
    const setting = { room: 'a', nowhere: 'b', id: '1', announced, variant: 0 };
    const due = [...mistakes.filter((each) => each.make(setting)), ...breaches];
    expect(due.length).toBeGreaterThan(200);
    const rare = due.filter(({ label }) => (coverage.mistakes.get(label) ?? 0) < 5);
    expect(rare.map(({ label }) => label)).toEqual([]);
  });

  it.each([
    ['all profiles', announced],
    ['core alone', coreOnly],
  ])('are answered rightly by a right server with %s', async (_, numbers) => {
    for (let round = 0; round < 3; round += 1) {
      for (const script of sweep(round)) {
        const style = styles[round] as (typeof styles)[number];
        const network = new Simulation(new Server(numbers, style, () => false), randomFrom(round));
        const { judgement } = await converse(script, network, numbers, 'test');
        expect(judgement.causes).toEqual([]);
      }
    }
  });
});
