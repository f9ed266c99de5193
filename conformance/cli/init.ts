import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '#conformance/harness/verdict.js';
import { configNames } from '../config.js';
import type { Io } from './io.js';

/** What `parlor init` may be told instead of asking. */
export interface InitOptions {
  url?: string;
  start?: string;
  /** Ask nothing. */
  yes?: boolean;
  /** Overwrite what is there. */
  force?: boolean;
  /** Write the CI workflow. */
  ci?: boolean;
}

const CONFIG = 'parlor.config.jsonc';
const WORKFLOW = '.github/workflows/parlor.yml';
const SCHEMA = './node_modules/parlor/conformance/config.schema.json';
const START = 'node server.js';

/**
 * `parlor init`: writes a commented config and a CI workflow.
 *
 * @throws UsageError where a file is in the way, or nobody can answer
 */
export async function init(options: InitOptions, io: Io): Promise<void> {
  if (!options.yes && !io.ask && options.url === undefined && options.start === undefined) {
    throw new UsageError(
      'nobody is here to answer: give --url or --start, or take the defaults with --yes',
    );
  }
  const there = [...configNames.filter((name) => existsSync(join(io.cwd, name)))];
  if (there.length > 0 && !options.force) {
    throw new UsageError(`${there[0]} is already there; --force overwrites it`);
  }
  const answers = await answersOf(options, io);
  write(CONFIG, configText(answers), io);
  if (answers.ci) {
    if (existsSync(join(io.cwd, WORKFLOW)) && !options.force)
      io.stdout(`kept ${WORKFLOW}, which was there already\n`);
    else write(WORKFLOW, workflowText(answers), io);
  }
  io.stdout(`next: npx parlor test\n`);
}

interface Answers {
  target: { start: string } | { url: string };
  ci: boolean;
}

async function answersOf({ url, start, yes, ci }: InitOptions, { ask }: Io): Promise<Answers> {
  if (url !== undefined && start !== undefined)
    throw new UsageError('--url and --start exclude each other; give one of them');
  if (url !== undefined) return { target: { url: readUrl(url) }, ci: ci ?? true };
  if (start !== undefined) return { target: { start }, ci: ci ?? true };
  if (yes || !ask) return { target: { start: START }, ci: ci ?? true };
  const target = await ask(
    `A command that starts your server, or the URL of one that runs [${START}]: `,
  );
  const answer = target.trim() || START;
  const workflow =
    ci ?? !/^n/i.test((await ask('Write a GitHub workflow that runs the tests? [Y/n]: ')).trim());
  return {
    target: /^wss?:\/\//i.test(answer) ? { url: readUrl(answer) } : { start: answer },
    ci: workflow,
  };
}

function readUrl(text: string): string {
  if (/^wss?:\/\/./i.test(text) && URL.canParse(text)) return text;
  throw new UsageError(
    `'${text}' is no WebSocket URL; expected something like ws://127.0.0.1:8080/ws`,
  );
}

function configText({ target }: Answers): string {
  const started = 'start' in target;
  return `{
  // Editors complete this file and explain each key by its schema.
  "$schema": ${JSON.stringify(SCHEMA)},

${
  started
    ? `  // The runner starts this command, with PORT and the rest of the test contract in its environment,
  // and ends it with SIGTERM. Or test one that runs: "url": "ws://127.0.0.1:8080/ws".
  "start": ${JSON.stringify(target.start)},
  // "path": "/ws",`
    : `  // The server to test; for a cluster: "urls": ["ws://…", "ws://…"].
  // Or let the runner start it: "start": "${START}".
  "url": ${JSON.stringify(target.url)},`
}

  // The runner mints every token itself. ${started ? 'A started server is told a secret that is drawn for each run.' : 'It has to know how the server verifies them.'}
  ${started ? '// ' : ''}"token": {
  ${started ? '// ' : ''}  "algorithm": "HS256"
  ${started ? '// ' : ''}  // The secret belongs into the environment: PARLOR_TEST_TOKEN_SECRET.
  ${started ? '// ' : ''}  // "issuer": "https://issuer.example", "audience": "chat"
  ${started ? '// ' : ''}},

  // Profiles that the server has to announce; what it announces beyond them is tested as well.
  "require": ["core"],

  // Failures that are accepted for now. They still run: one that passes or is over turns the run red.
  "known_failures": [
    // { "rule": "rooms-no-leak-to-strangers", "reason": "fixed in 1.1", "expires": "2027-01-31" }
  ],

  // Each of these is also a flag (--fail-on) and a variable (PARLOR_TEST_FAIL_ON).
  "settings": {
    // "only": ["rooms", "chat"],
    // "fail_on": "should",
    "report": ["html=parlor-report/index.html", "json=parlor-report/report.json"]
  }
}
`;
}

function workflowText({ target }: Answers): string {
  const secret =
    'url' in target
      ? `
        env:
          PARLOR_TEST_TOKEN_SECRET: \${{ secrets.PARLOR_TEST_TOKEN_SECRET }}`
      : '';
  return `name: parlor
on:
  push:
  pull_request:
permissions:
  contents: read
jobs:
  conformance:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 22
      - run: npm ci
      - name: The server conforms to Parlor v1
        run: >-
          npx parlor test
          --report html=parlor-report/index.html
          --report json=parlor-report/report.json
          --report junit=parlor-report/junit.xml
          --report "markdown=$GITHUB_STEP_SUMMARY"${secret}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: parlor-report
          path: parlor-report
`;
}

function write(name: string, text: string, io: Io): void {
  const file = join(io.cwd, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  io.stdout(`wrote ${name}\n`);
}
