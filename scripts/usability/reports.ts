import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { HtmlValidate } from 'html-validate';
import { SaxesParser } from 'saxes';

// What a CI server does with it, by a parser that comes with Python: cases and how many of them are red.
const ELEMENT_TREE = `
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = root.findall('./testsuite/testcase')
red = [case for case in cases if case.find('failure') is not None or case.find('error') is not None]
print(json.dumps([root.get('tests'), len(cases), int(root.get('failures')) + int(root.get('errors')), len(red)]))
`;

// https://shields.io/badges/endpoint-badge
const BADGE = {
  type: 'object',
  required: ['schemaVersion', 'label', 'message', 'color'],
  additionalProperties: false,
  properties: {
    schemaVersion: { const: 1 },
    label: { type: 'string' },
    message: { type: 'string', minLength: 1 },
    color: { type: 'string' },
  },
};

interface Report {
  exit_code: number;
  totals: { pass: number; fail: number };
  checks: { verdict: string }[];
}

/** Checks of the reports of one run, by tools that are not ours: each throws what is wrong. */
export function validations(folder: string, installed: string, exit: number) {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const report = () => JSON.parse(text('report.json')) as Report;
  return {
    'JSON, by its JSON Schema': () => {
      const schema = JSON.parse(
        readFileSync(join(installed, 'conformance/reports/report.schema.json'), 'utf8'),
      );
      const ajv = new Ajv2020({ strict: true });
      assert.ok(ajv.validate(schema, report()), ajv.errorsText());
      assert.equal(report().exit_code, exit);
      assert.ok(report().totals.pass > 0);
    },
    'NDJSON, line by line': () => {
      const events = text('events.ndjson')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(events[0].event, 'run_start');
      assert.deepEqual(events.at(-1).totals, report().totals);
      const ends = events.filter(({ event }) => event === 'check_end');
      assert.equal(ends.length, report().checks.length);
    },
    'JUnit, by a strict parser and by that of Python': () => {
      const parser = new SaxesParser();
      parser.on('error', (error) => {
        throw error;
      });
      parser.write(text('junit.xml')).close();
      const said = execFileSync('python3', ['-c', ELEMENT_TREE, join(folder, 'junit.xml')]);
      const [tests, cases, red, found] = JSON.parse(String(said)) as [string, ...number[]];
      assert.deepEqual([Number(tests), red], [cases, found]);
      assert.equal(found === 0, exit === 0);
    },
    'HTML, by a validator': async () => {
      const validator = new HtmlValidate({ extends: ['html-validate:standard'] });
      const { results } = await validator.validateString(text('index.html'));
      const wrong = results.flatMap(({ messages }) =>
        messages.map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`),
      );
      assert.deepEqual(wrong.slice(0, 10), []);
    },
    'Markdown, by a renderer': async () => {
      const { createMarkdownRenderer } = await import('vitepress');
      const html = (await createMarkdownRenderer(folder)).render(text('summary.md'));
      assert.match(html, /<table/);
      assert.match(html, exit === 0 ? /<h2[^>]*>✅/ : /<h2[^>]*>❌/);
    },
    'annotations, a line each': () => {
      const lines = text('annotations.txt').split('\n').slice(0, -1);
      for (const line of lines) assert.match(line, /^::(error|warning|notice) title=[^:,]+::\S/);
      assert.equal(
        lines.some((line) => line.startsWith('::error')),
        exit !== 0,
      );
    },
    "badge, by shields' format": () => {
      const ajv = new Ajv2020();
      assert.ok(ajv.validate(BADGE, JSON.parse(text('badge.json'))), ajv.errorsText());
    },
  };
}
