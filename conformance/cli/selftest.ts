import pc from 'picocolors';
import type { ExitCode } from '#conformance/harness/events.js';
import { killStarted } from '#conformance/harness/process.js';
import { TargetError } from '#conformance/harness/verdict.js';
import { columns, duration, pad, visible, wrap } from '#conformance/reports/text.js';
import type { Oddity, Selftest, Trial } from '#conformance/selftest/selftest.js';
import { fromEnvironment, type Settings } from './flags.js';
import { type Io, wantsColor } from './io.js';
import { gather } from './settings.js';
import { targetOf } from './target.js';

/**
 * `parlor selftest`: puts faults between the suite and a server, and tells which of them it noticed.
 *
 * @returns 0 when all were noticed, 1 when one was not, 3 when none could be tried, 4 without a server
 * @throws UsageError for settings that make no sense
 */
export async function selftest(flags: Settings, json: boolean, io: Io): Promise<ExitCode> {
  const target = targetOf(gather(flags, fromEnvironment(io.env), io.cwd), io.cwd);
  const { checks } = await import('#conformance/checks/index.js');
  const { faults } = await import('#conformance/selftest/faults.js');
  const { harmless } = await import('#conformance/selftest/harmless.js');
  const { selftest: run } = await import('#conformance/selftest/selftest.js');
  const names = [...faults, ...harmless].map(({ name }) => columns(name));
  const show = shower(io, Math.max(...names));
  if (!json) io.stdout('Each fault is put between the suite and the server by a proxy.\n\n');
  try {
    const found = await run(target, {
      checks,
      signal: io.signal,
      ...(json ? {} : { onTrial: show.trial, onOddity: show.oddity }),
    });
    io.stdout(json ? `${JSON.stringify(found, null, 2)}\n` : show.end(found));
    return exitCode(found);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    io.stderr(`parlor: ${error.message}\n`);
    return 4;
  } finally {
    if (io.signal.aborted) killStarted();
  }
}

function exitCode({ trials, oddities }: Selftest): ExitCode {
  if (trials.some(({ verdict }) => verdict === 'unnoticed')) return 1;
  if (oddities.some(({ accused }) => accused.length > 0)) return 1;
  return trials.some(({ verdict }) => verdict === 'noticed') ? 0 : 3;
}

function shower(io: Io, widest: number) {
  const colors = pc.createColors(wantsColor(io));
  const line = (mark: string, name: string, text: string, took: number, verdict: string) => {
    const indent = ' '.repeat(widest + 6);
    const room = Math.max(30, io.columns - indent.length);
    const said = [
      ...wrap(text, room),
      ...wrap(`${verdict}, ${duration(took)}`, room).map(colors.dim),
    ];
    io.stdout(`  ${mark} ${pad(name, widest)}  ${said.join(`\n${indent}`)}\n`);
  };
  return {
    trial(trial: Trial) {
      const { fault, text, duration_ms } = trial;
      if (trial.verdict === 'untried')
        return line('–', fault, text, duration_ms, `not tried: ${visible(trial.reason)}`);
      const [mark, said] =
        trial.verdict === 'noticed'
          ? [colors.green('✓'), 'noticed']
          : [colors.red('✗'), 'NOT noticed'];
      line(mark, fault, text, duration_ms, `${said} by ${trial.rules.join(', ')}`);
    },
    oddity({ name, text, accused, duration_ms }: Oddity) {
      if (accused.length === 0)
        line(colors.green('✓'), name, text, duration_ms, 'no fault, and taken for none');
      else
        line(
          colors.red('✗'),
          name,
          text,
          duration_ms,
          `no fault, but noticed by ${accused.join(', ')}`,
        );
    },
    end({ trials, oddities }: Selftest): string {
      const of = (verdict: Trial['verdict']) =>
        trials.filter((trial) => trial.verdict === verdict).length;
      const accused = oddities.filter(({ accused }) => accused.length > 0).length;
      const failed = of('unnoticed') + accused;
      const passed = of('noticed') + oddities.length - accused;
      return [
        '',
        `${of('noticed')} of ${of('noticed') + of('unnoticed')} faults were noticed; ${
          accused === 0
            ? 'nothing harmless was taken for a fault.'
            : `${accused} harmless oddities were taken for faults: please report that.`
        }`,
        `${passed} passed, ${failed} failed, ${of('untried')} skipped`,
        '',
      ].join('\n');
    },
  };
}
