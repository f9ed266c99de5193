import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { badge } from './badge.js';
import { events, explained, explainedEvents, hostileReport, report } from './fixtures/example.js';
import { json, ndjsonLine } from './json.js';
import { reportSchemaText } from './report.schema.js';

const validate = new Ajv2020({ strict: true }).compile(JSON.parse(reportSchemaText()));

describe('the JSON report', () => {
  it.each([
    ['a run', report],
    ['a run with a cause', explained],
    ['a run against a hostile server', hostileReport],
  ])('of %s is what its schema says', (_name, each) => {
    expect([validate(JSON.parse(json(each))), validate.errors]).toEqual([true, null]);
  });

  it('has every check of the run', () => {
    const ended = events.filter(({ event }) => event === 'check_end');
    expect(JSON.parse(json(report)).checks).toHaveLength(ended.length);
  });

  it('says which failure probably explains another, and why', () => {
    const { checks } = JSON.parse(json(explained)) as typeof explained;
    const found = checks.find(({ check }) => check === 'chat-order-per-sender');
    expect(found?.failure).toMatchObject({
      caused_by: 'rooms-survives-disconnect',
      because: 'c1 was not told that c0 is gone',
    });
    expect(events.find((each) => 'failure' in each && each.failure?.because)).toBeUndefined();
  });

  it('has a schema that is committed as it stands', () => {
    expect(readFileSync(new URL('report.schema.json', import.meta.url), 'utf8')).toBe(
      reportSchemaText(),
    );
  });
});

describe('the NDJSON report', () => {
  it('is one line an event, whatever it holds', () => {
    for (const event of explainedEvents) {
      const line = ndjsonLine(event);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(JSON.parse(line)).toEqual(event);
    }
  });
});

describe('the badge', () => {
  it.each([
    [0, 'conforms, 8 checks', 'brightgreen'],
    [1, '7 of 15 checks fail', 'red'],
    [2, 'known failures are stale', 'orange'],
    [3, 'undecided', 'yellow'],
    [4, 'not tested', 'lightgrey'],
  ] as const)('of exit code %i says "%s"', (exit_code, message, color) => {
    expect(JSON.parse(badge({ ...report, exit_code }))).toEqual({
      schemaVersion: 1,
      label: 'parlor v1',
      message,
      color,
    });
  });
});
