import { describe, expect, it } from 'vitest';
import { campaign, type Finding, type Scene } from './campaign.js';
import { drawScripts, scripts } from './generate.js';
import { announced, styles } from './model/announced.js';
import { randomFrom, Simulation } from './model/network.js';
import { Server } from './model/server.js';
import { type Reproduced, reproduce, type Specimen } from './reproduce.js';
import { readScript } from './script.js';
import { operationsOf, tellFinding } from './telling.js';

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
/** Conversations for a fault that shows each time, at least where one thing is done after the other. */
const MOST_EXECUTIONS = 60;

const deterministic = [
  'chat without membership',
  'forged sender',
  'join not announced',
  'dedup forgets',
  'leave for every connection',
  'ghost after disconnect',
  'typing lost',
  'replay incomplete',
  'rate not enforced',
  'ack lost',
  'seq skips',
];
const racing: [fault: string, probability: number][] = [
  ['double delivery', 1],
  ['deliveries swap', 1],
  ['delivery lost', 0.3],
  ['snapshot before registration', 0.3],
];

async function find(fault: string, probability: number): Promise<Specimen & { finding: Finding }> {
  const where = scene(fault, probability);
  const drawn = drawScripts(scripts(announced.features), 5);
  const { findings } = await campaign(where, drawn, { count: 200, timeMs: 60_000, jobs: 4 });
  const [finding] = findings;
  const [cause] = finding?.judgement.causes ?? [];
  if (!finding || !cause) throw new Error(`${fault} was not found`);
  const { script, trace } = finding;
  const proof = operationsOf(trace, cause);
  return { finding, script, rule: cause.rule, proof, scene: where, quick: where };
}

function expectSmall({ outcome, rate, script }: Reproduced): void {
  expect(outcome).toBeDefined();
  expect(rate.hits).toBeGreaterThan(0);
  const { length } = readScript(script).ops;
  expect(length, JSON.stringify(script)).toBeLessThanOrEqual(MOST_OPERATIONS);
}

const GAVE_UP = 'The search for a smaller conversation ended with its budget.';

describe('minimising', () => {
  it.each(deterministic)('%s: within its budget, and honest about it', async (fault) => {
    const specimen = await find(fault, 1);
    const small = await reproduce(specimen);
    expectSmall(small);
    expect(small.executions).toBeLessThanOrEqual(MOST_EXECUTIONS);
    const { hint = '' } = tellFinding(specimen.finding, specimen.rule, small, undefined);
    expect(hint.includes(GAVE_UP)).toBe(small.exhausted);
  });

  it.each(racing)('%s, in %d of the cases and a matter of timing', async (fault, probability) => {
    expectSmall(await reproduce(await find(fault, probability)));
  });

  it('begins nothing more when its time is up, and says so', async () => {
    const specimen = await find('forged sender', 1);
    let looks = 0;
    const now = () => {
      looks += 1;
      return looks > 3 ? 5_000 : 0;
    };
    const patient = await reproduce(specimen);
    const hurried = await reproduce({ ...specimen, now });
    expect(patient.exhausted).toBe(false);
    expect(hurried.exhausted).toBe(true);
    expect(hurried.executions).toBeLessThan(patient.executions);
    expect(hurried.outcome).toBeDefined();
    const { hint } = tellFinding(specimen.finding, specimen.rule, hurried, undefined);
    expect(hint).toContain(GAVE_UP);
  });
});
