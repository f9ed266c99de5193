import { parseArgs } from 'node:util';
import { hunt } from '#conformance/mutants/state.hunt.js';
import { state } from '#conformance/mutants/state.js';

const HELP = `npm run hunt -- [faults] [flags]

Looks for each fault of conformance/mutants/state.ts with generated conversations, several times, and prints how often
it was found, how fast, and how small it was made.

  --runs <n>   searches for each fault; default 10
  --seed <n>   seed of the first search; default 11
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '10' },
    seed: { type: 'string', default: '11' },
    help: { type: 'boolean', default: false },
  },
});

/** The median and the worst of some numbers, to so many places. */
function spread(numbers: readonly number[], places = 0): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [median, worst] = [sorted[sorted.length >> 1], sorted.at(-1)];
  return median === undefined || worst === undefined
    ? '– | –'
    : `${median.toFixed(places)} | ${worst.toFixed(places)}`;
}

async function main(): Promise<void> {
  const unknown = positionals.find((each) => !state.some(({ name }) => name === each));
  if (unknown !== undefined)
    throw new Error(`no fault is called ${unknown}; there are ${state.map(({ name }) => name)}`);
  const chosen = state.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  console.log(
    [
      '| fault | found | seconds | worst | operations | worst | executions | worst | search s | worst |',
      '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ].join('\n'),
  );
  for (const mutant of chosen) {
    const runs = [];
    for (let run = 0; run < Number(values.runs); run += 1) {
      const one = await hunt(mutant, Number(values.seed) + run);
      runs.push(one);
      console.error(`${mutant.name} ${JSON.stringify(one)}`);
    }
    const found = runs.flatMap(({ heldMs, found: what }) => (what ? [{ heldMs, ...what }] : []));
    const columns = [
      spread(
        found.map(({ heldMs }) => heldMs / 1_000),
        1,
      ),
      spread(found.map(({ operations }) => operations)),
      spread(found.map(({ executions }) => executions)),
      spread(
        found.map(({ searchMs }) => searchMs / 1_000),
        1,
      ),
    ];
    console.log(`| ${mutant.name} | ${found.length}/${runs.length} | ${columns.join(' | ')} |`);
  }
}

if (values.help) console.log(HELP);
else await main();
