import { parseArgs } from 'node:util';
import { checks } from '#conformance/checks/index.js';
import { runConformance } from '#conformance/index.js';
import { createCluster } from './target.js';

const { values } = parseArgs({
  options: { delay: { type: 'string' }, only: { type: 'string' }, command: { type: 'string' } },
});
const delay = values.delay?.split('-').map(Number) as [number, number] | undefined;
const cluster = await createCluster(
  values.command ?? 'node dist/reference-server/main.js',
  delay ? { delay } : {},
);
try {
  const end = await runConformance(cluster.target, {
    checks: checks.filter(({ rule }) => !values.only || rule.startsWith(values.only)),
    report: (event) => {
      if (event.event === 'check_end' && !['pass'].includes(event.verdict))
        console.log(
          event.verdict,
          event.check,
          JSON.stringify(event.failure?.actual ?? event.reason),
        );
      if (event.event === 'run_end')
        console.log(event.summary, JSON.stringify(event.totals), event.duration_ms);
    },
  });
  process.exitCode = end.exit_code;
  for (const {
    instance: { output },
  } of cluster.placed)
    for (const line of `${output.stdout}\n${output.stderr}`.split('\n'))
      if (/redis_err|redis_un|upkeep|lease|internal_error|exit_lost|Error/.test(line))
        console.log(line.slice(0, 600));
} finally {
  await cluster.end();
}
