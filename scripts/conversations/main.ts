import { parseArgs } from 'node:util';
import type { CheckEnd } from '#conformance/harness/events.js';
import type { Target } from '#conformance/harness/target.js';
import { runConformance } from '#conformance/index.js';
import { conversations, failuresFolder, type Observation } from '#conformance/properties/index.js';
import { createCluster } from '../cluster/target.js';

const HELP = `npm run conversations -- [flags]

Holds generated conversations with the reference server and prints what they break.

  --count <n>          how many conversations; default 10000
  --cluster            with two instances over one Redis, each behind a proxy that delays
  --delay <ms>         what the proxy delays at most, in milliseconds; default 20
  --seed <n>           seed of the scripts; default drawn
  --jobs <n>           conversations at once; default: as many as the target takes
  --command <command>  what starts a server; default: the built reference server
`;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    cluster: { type: 'boolean', default: false },
    delay: { type: 'string', default: '20' },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    command: { type: 'string', default: 'node dist/reference-server/main.js' },
    help: { type: 'boolean', default: false },
  },
});

/** Conversations in one run: few enough that it ends in the time that a run has. */
const PORTION = 1_000;

/** Holds them all, a portion after the other; the number of rules that were broken. */
async function series(target: Target): Promise<number> {
  const wanted = whole('count', values.count);
  const first = values.seed === undefined ? undefined : whole('seed', values.seed);
  const sum = { held: 0, ms: 0, undecided: 0, broken: 0 };
  for (let left = wanted; left > 0; left -= PORTION) {
    const seed = first === undefined ? undefined : first + sum.held;
    const { broken, observation } = await portion(target, Math.min(left, PORTION), seed);
    sum.held += observation.coverage.conversations;
    sum.ms += observation.heldMs;
    sum.undecided += observation.inconclusive;
    sum.broken += broken;
    console.log(
      `${sum.held} conversations in ${(sum.ms / 1_000).toFixed(1)} s, ${Math.round((sum.held / sum.ms) * 1_000)} a second, ${sum.undecided} undecided, ${sum.broken} rules broken`,
    );
  }
  return sum.broken;
}

async function portion(
  target: Target,
  count: number,
  seed: number | undefined,
): Promise<{ broken: number; observation: Observation }> {
  const broken: CheckEnd[] = [];
  const undecided: string[] = [];
  const notes = new Set<string>();
  const observations: Observation[] = [];
  const { exit_code, summary } = await runConformance(target, {
    checks: conversations({
      count,
      folder: failuresFolder,
      ...(values.jobs === undefined ? {} : { jobs: whole('jobs', values.jobs) }),
      observed: (each) => void observations.push(each),
    }),
    ...(seed === undefined ? {} : { seed }),
    report: (event) => {
      if (event.event === 'check_end' && event.verdict === 'fail') broken.push(event);
      if (event.event === 'check_end' && ['vacuous', 'inconclusive'].includes(event.verdict))
        undecided.push(`${event.rule}: ${event.reason}`);
      if (event.event === 'note' && event.level === 'error') notes.add(event.text);
      if (event.event === 'run_start') console.log(`seed ${event.seed}`);
    },
  });
  for (const { rule, failure } of broken)
    console.log(`${rule}: ${failure?.actual} (${failure?.replay ?? failure?.caused_by})`);
  const [observation] = observations;
  if (!observation) throw new Error([summary, ...[...notes].slice(0, 1)].join('\n'));
  if (broken.length === 0 && exit_code !== 0) console.log([summary, ...undecided].join('\n'));
  return { broken: broken.length, observation };
}

function whole(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} takes a whole number, not '${text}'`);
  return Number(text);
}

async function main(): Promise<number> {
  if (!values.cluster) return series({ start: values.command, logs: true });
  const cluster = await createCluster(values.command, { delay: [0, whole('delay', values.delay)] });
  try {
    return await series(cluster.target);
  } finally {
    await cluster.end();
  }
}

if (values.help) console.log(HELP);
else process.exitCode = (await main()) > 0 ? 1 : 0;
