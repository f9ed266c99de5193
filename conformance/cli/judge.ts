import { join } from 'node:path';
import type { Check } from '#conformance/harness/check.js';
import type { ExitCode, Reporter, RunEvent } from '#conformance/harness/events.js';
import { killStarted } from '#conformance/harness/process.js';
import { type RunOptions, runConformance } from '#conformance/harness/run.js';
import { messageOf } from '#conformance/harness/verdict.js';
import type { Observation } from '#conformance/properties/index.js';
import { openReports } from '#conformance/reports/files.js';
import { redacting } from '#conformance/reports/redact.js';
import type { Opening } from '#conformance/reports/report.js';
import { terminal } from '#conformance/reports/terminal/reporter.js';
import { bookFor, bookFrom } from './book.js';
import { fromEnvironment, type Settings } from './flags.js';
import { type Io, wantsColor } from './io.js';
import { packageVersion } from './package.js';
import { again, quoted } from './replay.js';
import { failingOnShould, knownProfile, selected } from './selection.js';
import { gather, type Said } from './settings.js';
import { secretsOf, targetOf } from './target.js';

/**
 * `parlor test`: judges a server and writes the reports.
 *
 * @throws UsageError for settings that make no sense
 */
export function judge(flags: Settings, io: Io): Promise<ExitCode> {
  return run(flags, gather(flags, fromEnvironment(io.env), io.cwd), io);
}

/**
 * `parlor replay <id>`: holds a saved conversation again, with the same settings of the target.
 *
 * @throws UsageError for settings that make no sense, and for what is no failure
 */
export async function replay(named: string, flags: Settings, io: Io): Promise<ExitCode> {
  const { loadFailure, replay: replaying } = await import('#conformance/properties/index.js');
  const check = replaying(loadFailure(named, io.cwd), `npx parlor replay ${quoted(named)}`);
  // What is said of a whole run does not fit a single check.
  const { accepted: _, 'min-checks': __, ...said } = gather(flags, fromEnvironment(io.env), io.cwd);
  return run(flags, said, io, [check]);
}

async function run(
  flags: Settings,
  said: Said,
  io: Io,
  only?: readonly Check[],
): Promise<ExitCode> {
  const target = targetOf(said, io.cwd);
  for (const name of said.require ?? []) knownProfile(name, '--require');
  const seen: Observed = {};
  const checks = only ?? (await chosen(said, io.cwd, seen));
  const opening = openingOf(said, io);
  const outlets = outletsOf(said, opening, io);
  const end = await runConformance(target, {
    checks,
    report: redacting(again(flags, covering(seen, outlets.report)), secretsOf(target)),
    ...optionsOf(said),
    signal: io.signal,
  });
  if (io.signal.aborted) killStarted();
  if (!outlets.begun()) io.stderr(`parlor: ${end.summary}\n`);
  for (const sentence of outlets.broken()) io.stderr(`parlor: ${sentence}\n`);
  // A gate that asked for a report and has none must not be told that all is well.
  return outlets.broken().length > 0 && end.exit_code === 0 ? 5 : end.exit_code;
}

/** What the conversations of the run came to, once they have ended. */
interface Observed {
  observation?: Observation;
}

/** A reporter that tells what was exercised, before the run ends. */
function covering(seen: Observed, report: Reporter): Reporter {
  return async (event) => {
    const { observation } = seen;
    if (event.event === 'run_end' && observation) {
      const { coverageTable } = await import('#conformance/properties/index.js');
      await report({ event: 'coverage', sections: coverageTable(observation.coverage) });
    }
    return report(event);
  };
}

async function chosen(said: Said, cwd: string, seen: Observed): Promise<Check[]> {
  const { checks } = await import('#conformance/checks/index.js');
  return selected([...checks, ...(await held(said, cwd, seen))], said);
}

async function held({ time, seed }: Said, cwd: string, seen: Observed): Promise<readonly Check[]> {
  if (time === 0) return [];
  const { conversations, failuresFolder } = await import('#conformance/properties/index.js');
  return conversations({
    folder: join(cwd, failuresFolder),
    ...(time === undefined ? {} : { timeMs: time * 1_000 }),
    ...(seed === undefined ? {} : { seed }),
    observed: (each) => {
      seen.observation = each;
    },
  });
}

function optionsOf(said: Said): Omit<RunOptions, 'checks'> {
  const { jobs, require, seed, bail, accepted } = said;
  return {
    ...(jobs === undefined ? {} : { jobs }),
    ...(require === undefined ? {} : { require }),
    ...(seed === undefined ? {} : { seed }),
    ...(bail === undefined ? {} : { bail }),
    ...(accepted === undefined ? {} : { knownFailures: accepted }),
    ...(said['min-checks'] === undefined ? {} : { minChecks: said['min-checks'] }),
    failOnShould: failingOnShould(said),
  };
}

interface Outlets {
  report: Reporter;
  /** Whether the run got as far as its first event. */
  begun(): boolean;
  /** What could not be written, a sentence each. */
  broken(): string[];
}

// One report that fails, such as for a full disk, must not take the others or the run with it.
function outletsOf(said: Said, opening: Opening, io: Io): Outlets {
  const files = said.report ?? [];
  const piped = files.some(({ path }) => path === '-');
  const screen = {
    write: piped ? io.stderr : io.stdout,
    width: io.columns,
    rows: io.rows,
    live: io.terminal && !piped,
    color: wantsColor(io),
  };
  const shown = terminal(screen, bookFor(io.cwd), opening, {
    profile: said['profile-run'] ?? false,
    coverage: said.coverage ?? false,
  });
  const written = openReports(files, opening, { cwd: io.cwd, stdout: io.stdout, bookFrom });
  const broken = new Map<number, string>();
  let begun = false;
  const report = async (event: RunEvent) => {
    begun ||= event.event === 'run_start';
    for (const [index, write] of written.entries()) {
      if (broken.has(index)) continue;
      try {
        await write(event);
      } catch (error) {
        broken.set(
          index,
          `the report ${files[index]?.kind}=${files[index]?.path} could not be written: ${messageOf(error)}`,
        );
      }
    }
    await shown(event);
  };
  return { report, begun: () => begun, broken: () => [...broken.values()] };
}

function openingOf({ url = [], start, seed = 0 }: Said, { node }: Io): Opening {
  return {
    started_at: new Date().toISOString(),
    parlor_version: packageVersion(),
    node_version: node,
    seed,
    target: { urls: url, ...(start === undefined ? {} : { command: start }), features: [] },
    expected_ms: 0,
    not_exercised: [],
  };
}
