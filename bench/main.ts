import { parseArgs } from 'node:util';
import type { ServerName } from './clients.js';
import { median, start } from './measure.js';
import { scenarios } from './scenarios.js';

// Side by side: every scenario is measured on every server in turn, several times over; what counts are the ratios.
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } },
});
const names: readonly ServerName[] = ['parlor', 'plain', 'socketio'];
const rows: string[] = [];

for (const scenario of scenarios.filter(({ name }) => name.includes(values.only ?? ''))) {
  const taken: Record<ServerName, number[]> = { parlor: [], plain: [], socketio: [] };
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const name of names) {
      const subject = await start(name);
      try {
        taken[name].push(await scenario.measure(subject));
      } finally {
        subject.stop();
      }
    }
  const [parlor, plain, socketio] = names.map((name) => median(taken[name])) as [
    number,
    number,
    number,
  ];
  const digits = parlor < 10 ? 2 : 0;
  const row = [
    scenario.name,
    scenario.unit,
    ...[parlor, plain, socketio].map((value) => value.toFixed(digits)),
    (parlor / plain).toFixed(2),
    (parlor / socketio).toFixed(2),
  ];
  rows.push(`| ${row.join(' | ')} |`);
  console.log(row.join('  '));
}

console.log(
  `\n| scenario | unit | parlor | plain ws loop | socket.io | ÷ plain | ÷ socket.io |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}`,
);
process.exit(0);
