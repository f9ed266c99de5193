import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { claimed } from './claims.js';
import { quoted, quotesOf } from './quotes.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const pages = readdirSync(`${root}/docs/tutorial`).filter((name) => name.endsWith('.md'));

/** The rules that a page says its patterns break, by the heading of the pattern. */
function broken(page: string): [pattern: string, rules: string[]][] {
  const sections = readFileSync(`${root}/docs/tutorial/${page}`, 'utf8').split(/^##? /m).slice(1);
  return sections.flatMap((section): [string, string[]][] => {
    const line = /^\*\*Breaks\*\* (.*)$/m.exec(section)?.[1];
    const rules = [...(line ?? '').matchAll(/\[([\w-]+)\]\(/g)].map(([, rule = '']) => rule);
    return line ? [[section.split('\n')[0] ?? '', rules]] : [];
  });
}

describe.each(pages)('the quotes of %s', (page) => {
  it('are there, and say something', () => {
    for (const quote of quotesOf(root, `docs/tutorial/${page}`)) {
      const text = quoted(root, quote);
      expect(text, `${quote.file}#${quote.region}`).not.toBeNull();
      expect(text?.trim().split('\n').length).toBeGreaterThan(2);
    }
  });
});

describe('the guide', () => {
  it('quotes servers that the suite judges, and a client that is tested in a browser', () => {
    const files = pages.flatMap((page) =>
      quotesOf(root, `docs/tutorial/${page}`).map(({ file }) => file.split('/')[1]),
    );
    expect(new Set(files)).toEqual(new Set(['fastapi', 'node', 'browser', 'cluster']));
  });

  it('names what each of the patterns of a server breaks', () => {
    expect(pages.flatMap(broken).length).toBe(15);
  });
});

interface Report {
  checks: { rule: string; verdict: string }[];
}

/** Of each pattern, a rule that the tutorial's server breaks. */
const shown = [
  'authentication-expired',
  'heartbeat-close-frame-leaves',
  'binary-unsupported-answered',
  'errors-connection-kept',
  'errors-ref',
  'errors-retryable',
  'heartbeat-ping-sent',
  'logs-credentials-never-written',
  'operations-health-draining',
  'rates-user-scope-survives-reconnect',
  'rooms-closed-has-left',
  'sessions-origin-required',
  'shutdown-close-code-matches-notice',
];

// What tutorials teach, on a real socket: each pattern breaks a rule that its page names.
describe.skipIf(!existsSync(`${root}/examples/tutorial/.venv`))('the tutorial', () => {
  const elsewhere = new Set(['clients', 'cluster']); // no server on its own shows these
  const patterns = pages.flatMap(broken).filter(([, rules]) => {
    const chapters = rules.map((rule) => rule.split('-')[0] ?? '');
    return !chapters.some((chapter) => elsewhere.has(chapter));
  });
  let failed: Set<string>;

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'parlor-'));
    const file = join(folder, 'report.json');
    const target = ['--start', 'examples/tutorial/start', '--logs', '--time', '0'];
    const only = shown.flatMap((rule) => ['--only', rule]);
    spawnSync(
      process.execPath,
      ['bin/parlor.js', 'test', ...target, '--report', `json=${file}`, ...only],
      { cwd: root, encoding: 'utf8' },
    );
    const { checks } = JSON.parse(readFileSync(file, 'utf8')) as Report;
    rmSync(folder, { recursive: true });
    failed = new Set(checks.filter(({ verdict }) => verdict === 'fail').map(({ rule }) => rule));
  }, 180_000);

  it('is told so in the words that the guide shows', () => {
    const [block] = claimed(root, 'failure');
    const rule = 'handshake-refusal-after-accept';
    const { stdout } = spawnSync(
      process.execPath,
      ['bin/parlor.js', 'test', '--start', 'examples/tutorial/start', '--only', rule],
      { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
    );
    // Times differ, and so does which of several lines of output there is room for.
    const words = (text: string) =>
      text
        .split('\n')
        .map((line) =>
          line
            .replace(/\d+\.\d/g, '0')
            .replace(/ +/g, ' ')
            .trim(),
        )
        .filter((line) => line !== '');
    expect(words(block?.text ?? '').length).toBeGreaterThan(10);
    expect(words(stdout)).toEqual(expect.arrayContaining(words(block?.text ?? '')));
  });

  it('breaks the rule that shows each pattern', () => {
    expect(shown.filter((rule) => !failed.has(rule))).toEqual([]);
  });

  it.each(patterns)('breaks a rule that the guide names: %s', (_, rules) => {
    expect(rules.filter((rule) => failed.has(rule)).length).toBeGreaterThan(0);
  });
});
