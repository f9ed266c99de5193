import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import { bookFor } from '#conformance/cli/book.js';
import type { Reporter } from '#conformance/harness/events.js';
import { runConformance } from '#conformance/index.js';
import { conversations } from '#conformance/properties/index.js';
import { terminal } from '#conformance/reports/terminal/reporter.js';
import { testByUrl } from './by-url.js';
import { faultRun, table, verdict } from './faults.js';
import type { Delay } from './proxy.js';
import { createCluster } from './target.js';

const HELP = `npm run conformance:cluster -- [flags]

Starts a redis-server on a free port and two reference servers behind it, and runs the suite over both.

  --delay <from>-<to>  milliseconds that everything takes between a server and Redis
  --runs <n>           so many runs in a row; ends with the first that is not green
  --loss <kind>        how the broker is stopped: kill (it loses its data) or stall
  --only <prefix>      rules to run
  --time <seconds>     for how long conversations are generated; default 0: not at all
  --faults             in place of the suite: lose Redis ten times under 200 messages a second
  --by-url             have parlor test judge the servers by their addresses, with control commands
  --command <command>  what starts a server; default: the built reference server
`;

const { values } = parseArgs({
  options: {
    delay: { type: 'string' },
    runs: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    time: { type: 'string', default: '0' },
    loss: { type: 'string', default: 'kill' },
    faults: { type: 'boolean', default: false },
    'by-url': { type: 'boolean', default: false },
    command: { type: 'string', default: 'node dist/reference-server/main.js' },
    help: { type: 'boolean', default: false },
  },
});

function readDelay(text: string | undefined): Delay {
  if (text === undefined) return [0, 0];
  const [, least, most] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (least === undefined || Number(most) < Number(least))
    throw new Error(`--delay must be like 0-20, not ${text}`);
  return [Number(least), Number(most)];
}

function screen(): Reporter {
  const { stdout } = process;
  return terminal(
    {
      write: (text) => void stdout.write(text),
      width: stdout.columns ?? 100,
      rows: stdout.rows ?? 40,
      live: stdout.isTTY ?? false,
      color: stdout.isTTY ?? false,
    },
    bookFor(process.cwd()),
    {
      started_at: new Date().toISOString(),
      parlor_version: '',
      node_version: process.version,
      seed: 0,
      target: { urls: [], features: [] },
      expected_ms: 0,
      not_exercised: [],
    },
  );
}

async function suite(delay: Delay): Promise<number> {
  const cluster = await createCluster(values.command, {
    delay,
    loss: values.loss === 'stall' ? 'stall' : 'kill',
  });
  try {
    if (values['by-url'])
      return await testByUrl(cluster, [
        ...['--time', values.time],
        ...(values.only === '' ? [] : ['--only', values.only]),
      ]);
    const timeMs = Number(values.time) * 1_000;
    const held = timeMs > 0 ? conversations({ timeMs }) : [];
    const { exit_code } = await runConformance(cluster.target, {
      checks: [...checks, ...held].filter(({ rule }) => rule.startsWith(values.only)),
      require: ['cluster'],
      report: screen(),
    });
    return exit_code;
  } finally {
    await cluster.end();
  }
}

async function faults(): Promise<number> {
  const kills = Array.from({ length: 10 }, () => 'kill' as const);
  const rows = await faultRun(
    values.command,
    [...kills, 'stall', 'stall', 'cut', 'cut'],
    ({ fault, sent, acked }, number) =>
      console.error(`round ${number}: ${fault}, ${acked} of ${sent} accepted`),
  );
  console.log(table(rows));
  const broken = verdict(rows);
  for (const sentence of broken) console.log(sentence);
  return broken.length > 0 ? 1 : 0;
}

if (values.help) console.log(HELP);
else if (values.faults) process.exitCode = await faults();
else {
  const delay = readDelay(values.delay);
  for (let run = 1; run <= Number(values.runs) && !process.exitCode; run += 1) {
    if (values.runs !== '1') console.log(`run ${run} of ${values.runs}`);
    process.exitCode = await suite(delay);
  }
}

// A run leaves nothing behind: neither a socket nor a timer that would hold up the end of this process.
const ENDS_WITHIN_MS = 15_000;
setTimeout(() => {
  console.error(`What is left holds up the end: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}, ENDS_WITHIN_MS).unref();
