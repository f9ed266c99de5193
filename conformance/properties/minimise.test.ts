import { describe, expect, it } from 'vitest';
import { campaign, type Scene } from './campaign.js';
import { drawScripts, scripts } from './generate.js';
import { announced, styles } from './model/announced.js';
import { randomFrom, Simulation } from './model/network.js';
import { Server } from './model/server.js';
import { reproduce } from './reproduce.js';
import { readScript } from './script.js';

/** A scene in which each conversation has a server of its own, with one fault that shows with some probability. */
function scene(fault: string, probability: number): Scene {
  let seed = 0;
  const fresh = () => {
    seed += 1;
    const random = randomFrom(seed);
    const style = styles[seed % styles.length] as (typeof styles)[number];
    return new Simulation(
      new Server(announced, style, (name) => name === fault && random() < probability),
      randomFrom(seed),
    );
  };
  return {
    get network() {
      return fresh();
    },
    announced,
    nonce: 'm',
  };
}

const MOST_OPERATIONS = 8;

/** Faults and how often they show. */
const cases: [fault: string, probability: number][] = [
  ['chat without membership', 1],
  ['forged sender', 1],
  ['join not announced', 1],
  ['double delivery', 1],
  ['dedup forgets', 1],
  ['leave for every connection', 1],
  ['delivery lost', 0.3],
  ['snapshot before registration', 0.3],
];

describe('minimising', () => {
  it.each(cases)('%s, in %d of the cases', async (fault, probability) => {
    const where = scene(fault, probability);
    const drawn = drawScripts(scripts(announced.features), 5);
    const { findings } = await campaign(where, drawn, { count: 200, timeMs: 60_000, jobs: 4 });
    const [finding] = findings;
    const [cause] = finding?.judgement.causes ?? [];
    if (!finding || !cause) throw new Error(`${fault} was not found`);
    const proof = cause.entries.flatMap((n) => {
      const entry = finding.trace.entries[n];
      return entry?.kind === 'send' && entry.operation !== undefined ? [entry.operation] : [];
    });
    const small = await reproduce(finding.script, cause.rule, proof, where, where);
    expect(small.tried).toBeLessThanOrEqual(60);
    expect(small.outcome).toBeDefined();
    expect(small.rate.hits).toBeGreaterThan(0);
    expect(readScript(small.script).ops.length, JSON.stringify(small.script)).toBeLessThanOrEqual(
      MOST_OPERATIONS,
    );
  });
});
