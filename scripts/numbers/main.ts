import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import { contract, type Env } from '#conformance/harness/contract.js';
import { runConformance } from '#conformance/index.js';
import { conversations } from '#conformance/properties/index.js';

const HELP = `npm run conformance:numbers -- [flags]

Runs the whole suite against the reference server with numbers that an operator may choose and nobody would: a right
server is never called wrong, whatever it announces. Checks that ask for more than is announced are not exercised.

  --few              two runs, each with several such numbers, in place of one run for each
  --time <seconds>   for how long conversations are generated in each run; default 2
  --command <cmd>    what starts a server; default: the built reference server
  --set <settings>   only these, as NAME=value,NAME=value without the prefix PARLOR_
`;

// Each is small, or large, beyond anything that checks count on.
const EACH = [
  'MAX_TEXT_BYTES=1',
  'MAX_TEXT_BYTES=40',
  'MAX_TEXT_BYTES=1,MAX_MESSAGE_BYTES=1025,MAX_QUEUE_BYTES=2049',
  'MAX_TEXT_BYTES=64,MAX_MESSAGE_BYTES=2048,MAX_QUEUE_BYTES=3072',
  'MAX_ROOMS=1',
  'MAX_LISTED_MEMBERS=1',
  'MAX_LISTED_MEMBERS=2',
  'MAX_ROOMS=2000,CONTROL_LIMIT=100000',
  'MAX_CONNECTIONS_PER_USER=1',
  'MAX_PROTOCOL_ERRORS=1',
  'PROTOCOL_ERROR_WINDOW_MS=20',
  'MESSAGES_LIMIT=1',
  'MESSAGES_LIMIT=2',
  'MESSAGES_LIMIT=100000,CONTROL_LIMIT=100000',
  'CONTROL_LIMIT=1',
  'CONTROL_LIMIT=2',
  'CONTROL_LIMIT=5,CONTROL_WINDOW_MS=300',
  'MESSAGES_WINDOW_MS=5,CONTROL_WINDOW_MS=5',
  'MESSAGES_CLOSE_AFTER=1,CONTROL_CLOSE_AFTER=1',
  'TYPING_TTL_MS=50',
  'RESUME_MAX_EVENTS=1',
  'RESUME_MAX_EVENTS=2',
  'RESUME_WINDOW_MS=50',
  'RESUME_WINDOW_MS=1000',
  'DEDUP_WINDOW_MS=50',
  'HEARTBEAT_INTERVAL_MS=100,HEARTBEAT_TIMEOUT_MS=50',
  'GRACE_MS=20,AUTH_TIMEOUT_MS=200',
];

const FEW = [
  'MAX_TEXT_BYTES=40,MAX_ROOMS=2,MAX_LISTED_MEMBERS=1,RESUME_MAX_EVENTS=2,DEDUP_WINDOW_MS=50,MAX_PROTOCOL_ERRORS=2',
  'CONTROL_LIMIT=2,TYPING_TTL_MS=50,PROTOCOL_ERROR_WINDOW_MS=20,MESSAGES_WINDOW_MS=5',
];

const { values } = parseArgs({
  options: {
    few: { type: 'boolean', default: false },
    time: { type: 'string', default: '2' },
    command: { type: 'string', default: 'node dist/reference-server/bundle/start.cjs' },
    set: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});

const timeMs = 1_000 * Number(values.time);
if (!(timeMs >= 0)) throw new Error(`--time must be a number of seconds, not ${values.time}`);

function environmentOf(settings: string): Env {
  return Object.fromEntries(
    settings.split(',').map((each) => {
      const [short = '', value] = each.split('=');
      if (value === undefined) throw new Error(`--set must be like NAME=value, not ${each}`);
      const name = `PARLOR_${short}`;
      if (!contract.some((variable) => variable.name === name))
        throw new Error(`--set must name a variable of the test contract, and ${name} is none`);
      return [name, value];
    }),
  );
}

// What the server is accused of, or the suite; inconclusive is allowed: such times are shorter than a busy machine's.
async function accusations(settings: string): Promise<string[]> {
  const found: string[] = [];
  const env = { PARLOR_LOG: 'off', ...environmentOf(settings) };
  const end = await runConformance(
    { start: values.command, env, logs: true },
    {
      checks: [...checks, ...conversations({ timeMs })],
      report: (event) => {
        if (event.event === 'check_end' && event.verdict === 'fail')
          found.push(`${event.check}: ${event.failure?.actual}`);
        if (event.event === 'note' && event.level === 'error') found.push(event.text);
      },
    },
  );
  const { pass, not_exercised } = end.totals;
  console.log(
    `${found.length === 0 ? 'kept  ' : 'broken'}  ${settings} (${pass} passed, ${not_exercised} not exercised, ${Math.round(end.duration_ms / 1_000)} s)`,
  );
  for (const each of found) console.log(`        ${each}`);
  return found;
}

if (values.help) console.log(HELP);
else {
  const all = values.set ?? (values.few ? FEW : EACH);
  let failed = 0;
  for (const settings of all) if ((await accusations(settings)).length > 0) failed += 1;
  console.log(`${all.length - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

// A run leaves nothing behind: not a check either that was given up and goes on.
process.exit();
