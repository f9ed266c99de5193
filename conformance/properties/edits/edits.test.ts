import { describe, expect, it } from 'vitest';
import { converse } from '../converse.js';
import { drawScripts, scripts } from '../generate.js';
import { type Judgement, judge } from '../judge/judge.js';
import { announced, styles } from '../model/announced.js';
import { randomFrom, Simulation } from '../model/network.js';
import { Server } from '../model/server.js';
import type { Script } from '../script.js';
import { type Edit, illegal, legal } from './index.js';

const CONVERSATIONS = 260;
const LEAST = 10_000;

/** Legal traces of right servers, each judged with nothing left to come. */
async function traces(): Promise<Judgement[]> {
  const drawn = drawScripts(scripts(announced.features), 99);
  const all: Judgement[] = [];
  for (let seed = 1; seed <= CONVERSATIONS; seed += 1) {
    const style = styles[seed % styles.length] as (typeof styles)[number];
    const network = new Simulation(new Server(announced, style, () => false), randomFrom(seed));
    const { trace } = await converse(drawn.next().value as Script, network, announced, 'test');
    all.push(
      judge({
        ...trace,
        entries: [...trace.entries, { kind: 'settled', at: trace.entries.at(-1)?.at ?? 0 }],
      }),
    );
  }
  return all;
}

describe('edited traces', async () => {
  const originals = await traces();
  const made = new Map<string, number>();
  const random = randomFrom(4);

  function* apply(name: string, edit: Edit) {
    for (const original of originals) {
      const edited = edit(original, random);
      if (!edited) continue;
      made.set(name, (made.get(name) ?? 0) + 1);
      const { causes, consequences } = judge(edited.trace);
      yield { original, edited, all: [...causes, ...consequences] };
    }
  }

  it('begin with traces in which nothing is wrong', () => {
    for (const { causes } of originals) expect(causes).toEqual([]);
  });

  it.each(Object.entries(illegal))('%s: told by the right rule', (name, edit) => {
    for (const { edited, all, original } of apply(name, edit)) {
      const right = all.some(({ rule }) => edited.rules.includes(rule));
      if (!right)
        expect.fail(
          `${all.map(({ rule }) => rule).join(', ') || 'nothing was found'}\n${tell(original, edited.trace)}`,
        );
    }
    expect(made.get(name) ?? 0).toBeGreaterThan(0);
  });

  it.each(Object.entries(legal))('%s: nothing is wrong with that', (name, edit) => {
    for (let round = 0; round < 20; round += 1)
      for (const { all, edited, original } of apply(name, edit))
        if (all.length > 0)
          expect.fail(`${JSON.stringify(all, null, 1)}\n${tell(original, edited.trace)}`);
    expect(made.get(name) ?? 0).toBeGreaterThan(0);
  });

  it('are many, of many kinds', () => {
    expect(Object.keys(illegal).length).toBeGreaterThanOrEqual(20);
    expect([...made.values()].reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(LEAST);
  });
});

function tell({ facts }: Judgement, trace: Judgement['facts']['trace']): string {
  const changed = trace.entries.filter((entry) => !facts.trace.entries.includes(entry));
  return `changed: ${JSON.stringify(changed).slice(0, 600)}\n${trace.entries.map((entry, n) => `${n} ${JSON.stringify(entry).slice(0, 220)}`).join('\n')}`;
}
