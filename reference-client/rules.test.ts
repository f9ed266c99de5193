import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { open } from './fixtures/open.trials.js';
import { opening } from './fixtures/opening.trials.js';
import { reconnecting } from './fixtures/reconnecting.trials.js';
import { rooms } from './fixtures/rooms.trials.js';
import { traffic } from './fixtures/traffic.trials.js';
import { World } from './fixtures/world.js';

const trials = [...opening, ...reconnecting, ...rooms, ...traffic, ...open];

// Rules for which no part of the client can be exchanged so that it breaks just them.
const unbroken: Readonly<Record<string, string>> = {
  'clients-typing-not-queued': 'there is no queue that could take it: typing() sends or returns',
};

const requirements: Record<string, { level: string; profile: string }> = JSON.parse(
  readFileSync(new URL('../spec/requirements.json', import.meta.url), 'utf8'),
);
const rules = Object.entries(requirements)
  .filter(([, { level, profile }]) => profile === 'client' && level !== 'may')
  .map(([id]) => id);

describe('a client, as the specification has it', () => {
  for (const { rule, title, run } of trials)
    it(`${rule}: ${title}`, () => run((options) => new World(options)));
});

describe('a faulty client is noticed', () => {
  for (const { rule, run, broken } of trials.filter((each) => each.broken))
    it(`by the trial of ${rule}`, () =>
      expect(run((options) => new World(options, broken))).rejects.toThrow());
});

describe('the trials', () => {
  it('name every rule for clients, and no other', () => {
    expect([...new Set(trials.map(({ rule }) => rule))].sort()).toEqual(rules.sort());
  });

  it('break every rule, unless it is said why not', () => {
    const broken = trials.filter((each) => each.broken).map(({ rule }) => rule);
    expect([...broken, ...Object.keys(unbroken)].sort()).toEqual(rules.sort());
  });
});
