import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import { excluded } from '#conformance/harness/excluded.js';
import { requirements } from '#conformance/harness/requirements.js';
import { judgeAll, type Outcome } from './gate.js';
import { mutants } from './index.js';
import { holes, matrix } from './matrix.js';

// The kill gate: every faulty server has to fail a check of the rule that it breaks, and every rule has to have both.
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    jobs: { type: 'string', default: '16' },
    markdown: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const matches = (text: string) =>
  !values.only || values.only.some((prefix) => text.startsWith(prefix));
const selected = mutants.filter(({ rule, name }) => matches(rule) || matches(name));
if (selected.length === 0) {
  console.error(`no mutant's rule or name begins with ${values.only?.join(', ')}`);
  process.exit(64);
}

const told = (outcome: Outcome) => {
  const { mutant, killed, said, duration_ms } = outcome;
  if (killed && !values.verbose) return;
  console.log(
    `${killed ? 'killed  ' : 'SURVIVED'} ${mutant.name} (${mutant.rule}, ${duration_ms} ms): ${said.split('\n')[0]}`,
  );
};
const first = await judgeAll(selected, checks, Number(values.jobs), told);
// A busy machine can hide a fault of timing: what survived is judged again, with nothing else under way.
const undecided = first.filter(({ killed }) => !killed);
const again = await judgeAll(
  undecided.map(({ mutant }) => mutant),
  checks,
  1,
  told,
);
const outcomes = [...first.filter((each) => !undecided.includes(each)), ...again];
const survived = outcomes.filter(({ killed }) => !killed);

const missing = values.only ? [] : holes(requirements, excluded, checks, mutants);
for (const hole of missing) console.log(`HOLE     ${hole}`);
if (values.markdown) {
  const { writeFileSync } = await import('node:fs');
  writeFileSync(values.markdown, matrix(outcomes));
}
console.log(
  `${outcomes.length} mutants, ${outcomes.length - survived.length} killed by their own rule, ${survived.length} survived`,
);
console.log(
  `${outcomes.length - survived.length} passed, ${survived.length + missing.length} failed`,
);
process.exitCode = survived.length + missing.length > 0 ? 1 : 0;
// A server that was being started when its run ended keeps the gate no longer.
process.stdout.write('', () => process.exit());
