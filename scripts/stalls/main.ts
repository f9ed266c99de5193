import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import type { Env } from '#conformance/harness/contract.js';
import { commandLauncher, type Instance } from '#conformance/harness/process.js';
import { runConformance } from '#conformance/index.js';
import { conversations } from '#conformance/properties/index.js';

const HELP = `npm run conformance:stalls -- [flags]

Runs the whole suite against the reference server while its servers are stopped (SIGSTOP) and continued at random moments,
as a machine does that is short of processors or memory; or while each turn of their event loops takes long, as it does with
synchronous work: a right server is never called wrong.

  --runs <count>      default 1
  --longest <ms>      for how long a server is stopped at most; default 9000
  --busy <ms>         in place of that: for how long each turn of a server's event loop is busy with nothing (Node.js only)
  --command <cmd>     what starts a server; default: the built reference server
  --no-logs           its output is no log
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    longest: { type: 'string', default: '9000' },
    busy: { type: 'string', default: '0' },
    command: { type: 'string', default: 'node dist/reference-server/bundle/start.cjs' },
    'no-logs': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

// A server is stopped every half a second on the average.
const MOST_BETWEEN_MS = 1_000;
const SHORTEST_MS = 200;

function whole(name: 'runs' | 'longest' | 'busy'): number {
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

const busy = (ms: number): Env => ({
  NODE_OPTIONS: `--import ${new URL('busy.js', import.meta.url).href}`,
  BUSY_MS: String(ms),
});

// What the server is accused of; inconclusive is allowed, as the machine is a bad one.
async function accusations(longestMs: number, busyMs: number): Promise<number> {
  const instances = new Set<Instance>();
  const launch = commandLauncher(values.command);
  const start = async (env: Env) => {
    const instance = await launch(env);
    instances.add(instance);
    return instance;
  };
  const found: string[] = [];
  const stop = busyMs > 0 ? () => 0 : stalling(instances, longestMs);
  const end = await runConformance(
    {
      start,
      env: { PARLOR_LOG: 'off', ...(busyMs > 0 && busy(busyMs)) },
      logs: !values['no-logs'],
    },
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
  const stalls = stop();
  const how = busyMs > 0 ? `busy for ${busyMs} ms` : `${stalls} stalls`;
  console.log(
    `${found.length === 0 ? 'kept  ' : 'broken'}  ${how}, ${pass} passed, ${inconclusive} inconclusive, ${Math.round(end.duration_ms / 1_000)} s`,
  );
  for (const each of found) console.log(`        ${each}`);
  return found.length;
}

if (values.help) console.log(HELP);
else {
  const [runs, longestMs, busyMs] = [whole('runs'), whole('longest'), whole('busy')];
  let failed = 0;
  for (let run = 0; run < runs; run += 1)
    if ((await accusations(longestMs, busyMs)) > 0) failed += 1;
  console.log(`${runs - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
