import Builder from 'fast-xml-builder';
import { explain } from './explain.js';
import { outcomeOf, outcomes } from './outcome.js';
import { readable } from './readable.js';
import type { CheckResult, Report } from './report.js';
import { shorten } from './text.js';

// XML 1.0 has no way to write these, escaped or not.
const UNWRITABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const LONGEST = 10_000;

interface Case {
  [attribute: `@${string}`]: string;
  failure?: Detail;
  error?: Detail;
  skipped?: { '@message': string };
  'system-out'?: string;
}

interface Detail {
  '@message': string;
  '@type': string;
  '#text': string;
}

/** JUnit XML: a suite per chapter, a case per check; what was not decided is an error, never a pass. */
export function junit(report: Report): string {
  const suites = new Map<string, Case[]>();
  const put = (suite: string, each: Case) =>
    suites.set(suite, [...(suites.get(suite) ?? []), each]);
  for (const result of report.checks) put(result.chapter, checkCase(result));
  for (const { rule, reason } of report.not_exercised) {
    if (report.checks.some((result) => result.rule === rule)) continue;
    const chapter = rule.split('-')[0] ?? '';
    put(chapter, {
      ...named(rule, chapter, 0),
      skipped: { '@message': line(reason) },
    });
  }
  const red = [...suites.values()].flat().some(({ failure, error }) => failure ?? error);
  if (report.exit_code !== 0 && !red) put('run', runCase(report));
  return build(report, suites);
}

function checkCase(result: CheckResult): Case {
  const { check, chapter, duration_ms, reason = '', known, text } = result;
  const failure = result.failure && readable(result.failure);
  const base = named(check, chapter, duration_ms);
  const outcome = outcomeOf(result);
  switch (outcome) {
    case 'pass':
      return base;
    case 'fail':
      return {
        ...base,
        failure: detail(failure?.actual ?? 'failed', result.level, explain(text, failure)),
      };
    case 'warning':
      return { ...base, 'system-out': safe(`warning: ${explain(text, failure)}`) };
    case 'known':
      return { ...base, skipped: { '@message': line(`known failure: ${known?.reason ?? ''}`) } };
    case 'inconclusive':
    case 'vacuous':
      return { ...base, error: detail(`${outcome}: ${reason}`, outcome, text) };
    case 'not_exercised':
    case 'excluded':
      return { ...base, skipped: { '@message': line(`${outcomes[outcome]}: ${reason}`) } };
  }
}

// Without it a run that never reached a check would look like a green one.
function runCase({ summary, notes }: Report): Case {
  return {
    ...named('run', 'run', 0),
    error: detail(summary, 'run', notes.map(({ text }) => text).join('\n')),
  };
}

function named(name: string, chapter: string, duration_ms: number): Case {
  return {
    '@classname': `parlor.${safe(chapter)}`,
    '@name': line(name),
    '@time': seconds(duration_ms),
  };
}

function detail(message: string, type: string, text: string): Detail {
  return { '@message': line(message), '@type': type, '#text': safe(text) };
}

function build(report: Report, suites: ReadonlyMap<string, readonly Case[]>): string {
  const builder = new Builder({
    attributeNamePrefix: '@',
    ignoreAttributes: false,
    format: true,
    suppressEmptyNode: true,
    processEntities: true,
  });
  const tree = {
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: {
      '@name': 'parlor',
      ...tally([...suites.values()].flat()),
      '@time': seconds(report.duration_ms),
      testsuite: [...suites].map(([name, cases]) => ({
        '@name': `parlor.${safe(name)}`,
        ...tally(cases),
        '@time': seconds(cases.reduce((sum, each) => sum + Number(each['@time']), 0) * 1000),
        '@timestamp': report.started_at.replace(/\.\d+Z$/, ''),
        testcase: cases,
      })),
    },
  };
  return builder.build(tree);
}

function tally(cases: readonly Case[]): Record<`@${string}`, string> {
  const many = (pick: (each: Case) => unknown) =>
    String(cases.filter((each) => pick(each) !== undefined).length);
  return {
    '@tests': String(cases.length),
    '@failures': many(({ failure }) => failure),
    '@errors': many(({ error }) => error),
    '@skipped': many(({ skipped }) => skipped),
  };
}

function safe(text: string): string {
  return shorten(text, LONGEST).replace(
    UNWRITABLE,
    (char) => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}

// Attributes lose their line feeds to every parser, so they are given none.
function line(text: string): string {
  return safe(shorten(text, 1_000)).replace(/\s+/g, ' ').trim();
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
