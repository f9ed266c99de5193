import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import type { Env } from '#conformance/harness/contract.js';
import { commandLauncher, type Instance } from '#conformance/harness/process.js';
import { runConformance } from '#conformance/index.js';
import { conversations } from '#conformance/properties/index.js';

const HELP = `npm run conformance:stalls -- [flags]

Runs the whole suite against the reference server while its servers are stopped (SIGSTOP) and continued at random moments,
as a machine does that is short of processors or memory: a right server is never called wrong.

  --runs <count>      default 1
  --longest <ms>      for how long a server is stopped at most; default 9000
  --command <cmd>     what starts a server; default: the built reference server
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    longest: { type: 'string', default: '9000' },
    command: { type: 'string', default: 'node dist/reference-server/bundle/start.cjs' },
    help: { type: 'boolean', default: false },
  },
});

// A server is stopped every half a second on the average.
const MOST_BETWEEN_MS = 1_000;
const SHORTEST_MS = 200;

function whole(name: 'runs' | 'longest'): number {
  if (!/^\d+$/.test(values[name]))
    throw new Error(`--${name} takes a whole number, not '${values[name]}'`);
  return Number(values[name]);
}

const between = (least: number, most: number) => least + Math.random() * (most - least);

/** Stops one of the servers that run, again and again. @returns what ends that, with the number of stalls */
function stalling(instances: ReadonlySet<Instance>, longestMs: number): () => number {
  let count = 0;
  let timer: NodeJS.Timeout;
  const stopped = new Map<Instance, NodeJS.Timeout>();
  const again = () => {
    const free = [...instances].filter((each) => each.running && !stopped.has(each));
    const chosen = free[Math.floor(Math.random() * free.length)];
    if (chosen) {
      count += 1;
      chosen.signal('SIGSTOP');
      const resume = () => {
        stopped.delete(chosen);
        if (chosen.running) chosen.signal('SIGCONT');
      };
      stopped.set(chosen, setTimeout(resume, between(SHORTEST_MS, longestMs)));
    }
    timer = setTimeout(again, between(0, MOST_BETWEEN_MS));
  };
  timer = setTimeout(again, MOST_BETWEEN_MS);
  return () => {
    clearTimeout(timer);
    for (const [instance, each] of stopped) {
      clearTimeout(each);
      if (instance.running) instance.signal('SIGCONT');
    }
    return count;
  };
}

// What the server is accused of; inconclusive is allowed, as the machine is a bad one.
async function accusations(longestMs: number): Promise<number> {
  const instances = new Set<Instance>();
  const launch = commandLauncher(values.command);
  const start = async (env: Env) => {
    const instance = await launch(env);
    instances.add(instance);
    return instance;
  };
  const found: string[] = [];
  const stop = stalling(instances, longestMs);
  const end = await runConformance(
    { start, env: { PARLOR_LOG: 'off' }, logs: true },
    {
      checks: [...checks, ...conversations({})],
      report: (event) => {
        if (event.event === 'check_end' && event.verdict === 'fail')
          found.push(`${event.check}: ${event.failure?.actual}`);
        if (event.event === 'note' && event.level === 'error') found.push(event.text);
      },
    },
  );
  const { pass, inconclusive } = end.totals;
  console.log(
    `${found.length === 0 ? 'kept  ' : 'broken'}  ${stop()} stalls, ${pass} passed, ${inconclusive} inconclusive, ${Math.round(end.duration_ms / 1_000)} s`,
  );
  for (const each of found) console.log(`        ${each}`);
  return found.length;
}

if (values.help) console.log(HELP);
else {
  const [runs, longestMs] = [whole('runs'), whole('longest')];
  let failed = 0;
  for (let run = 0; run < runs; run += 1) if ((await accusations(longestMs)) > 0) failed += 1;
  console.log(`${runs - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
