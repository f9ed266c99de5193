import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { catalog } from './catalog.js';
import { closeRanges, closes } from './closes.js';
import { errors } from './errors.js';
import { messages } from './registry.js';

const chapter = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../spec/${name}.md`, import.meta.url)), 'utf8');

// The written protocol calls the types of applications `x.…`.
const plain = (type: string) => type.replaceAll('`', '').replace('x.…', 'x');

/** The rows of the table whose heading has the given first cells. */
function table(text: string, ...heading: string[]): string[][] {
  const rows = text.split('\n').map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const start = rows.findIndex((row) => heading.every((cell, index) => row[index + 1] === cell));
  const end = rows.findIndex((row, index) => index > start && row.length < 3);
  return start < 0 ? [] : rows.slice(start + 2, end).map((row) => row.slice(1, -1));
}

describe('the registry of messages', () => {
  it('has a schema for each row, and rows for each schema', () => {
    expect(messages.map(({ schema }) => schema).sort()).toEqual(Object.keys(catalog).sort());
  });

  it('names replies that it holds', () => {
    const names = new Set<string>(messages.map(({ schema }) => schema));
    for (const row of messages) if ('reply' in row) expect(names).toContain(row.reply);
  });

  it('names chapters that exist', () => {
    for (const row of messages) expect(chapter(row.chapter)).toMatch(/^# /);
  });

  it('is the table of types in the written protocol', () => {
    const written = table(chapter('messages'), 'type', 'direction', 'profile').flatMap(
      ([type = '', direction = '', profiles = '']) =>
        direction.split(', ').map((side) => `${side} ${plain(type)} ${profiles}`),
    );
    const held = messages
      .filter(({ direction }) => ['client', 'server'].includes(direction))
      .map(({ direction, type, profiles }) => {
        return `${direction === 'client' ? 'C' : 'S'} ${type} ${profiles.join(', ')}`;
      });
    expect([...held, 'S ack core'].sort()).toEqual(written.sort());
  });
});

describe('the schema of welcome', () => {
  it('has the members that the written protocol gives it', () => {
    const row = table(chapter('messages'), 'type', 'direction', 'profile').find(
      ([type]) => type === '`welcome`',
    );
    const names = (row?.[3] ?? '')
      .replace(/\[?\{[^}]*\}\]?|\[\]/g, '')
      .split(',')
      .map((name) => name.trim());
    const { data } = (
      catalog['welcome.server'] as unknown as {
        properties: { data: { properties: object; required: string[] } };
      }
    ).properties;
    expect(names.map((name) => name.replaceAll('*', '')).sort()).toEqual(
      Object.keys(data.properties).sort(),
    );
    expect(names.flatMap((name) => /^\*\*(.*)\*\*$/.exec(name)?.[1] ?? []).sort()).toEqual(
      [...data.required].sort(),
    );
  });
});

describe('the schemas of events', () => {
  it('list the members that the written protocol gives them', () => {
    const rows = table(chapter('messages'), 'type', 'direction', 'profile');
    for (const [type = '', direction = '', , data = ''] of rows) {
      const name = plain(type);
      if (!direction.includes('S') || ['`ack`', '`pong`', '`welcome`'].includes(type)) continue;
      const schema = catalog[`${name}.server` as keyof typeof catalog] as unknown as {
        properties: { data: { required?: string[] } };
      };
      const written = [...(data.split('→')[0] ?? '').matchAll(/\*\*(\w+)\*\*/g)].map(([, m]) => m);
      expect([...(schema.properties.data.required ?? [])].sort(), name).toEqual(written.sort());
    }
  });
});

describe('the registry of error codes', () => {
  it('is in the order of precedence that the written protocol lists', () => {
    const list = chapter('errors').split('## Order')[1]?.split('\n## ')[0] ?? '';
    const steps = [...list.matchAll(/^(\d+)\. (.*)$/gm)];
    expect(steps.length).toBeGreaterThan(15);
    for (const { code, order } of errors) {
      const step = steps.find(([, number]) => Number(number) === order)?.[2];
      const execution = steps.at(-1)?.[2];
      if (step !== execution) expect(step).toContain(`\`${code}\``);
    }
    expect(errors.map(({ order }) => order)).toEqual(
      errors.map(({ order }) => order).sort((a, b) => a - b),
    );
  });

  it('counts the codes against the budget that the written protocol counts', () => {
    const counted = errors.filter(({ protocolError }) => protocolError).map(({ code }) => code);
    const rule = chapter('errors').split('#### errors-budget-malformed-only')[1]?.split('\n\n')[1];
    expect([...(rule ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => code)).toEqual(counted);
  });
});

describe('the registry of close codes', () => {
  it('keeps each code in its range', () => {
    for (const { code, range } of closes) {
      const row = closeRanges.find(({ name }) => name === range);
      expect(code).toBeGreaterThanOrEqual(row?.from ?? Number.NaN);
      expect(code).toBeLessThanOrEqual(row?.to ?? Number.NaN);
    }
  });

  it('has reasons that fit the grammar and a close frame', () => {
    for (const { reasons, parameters } of closes)
      for (const reason of reasons) {
        const whole = [
          reason,
          ...parameters.map((key) => `${key}=${Number.MAX_SAFE_INTEGER}`),
        ].join(';');
        expect(whole).toMatch(/^[a-z0-9_]+(;[a-z0-9_]+=[A-Za-z0-9_.-]+)*$/);
        expect(whole.length).toBeLessThanOrEqual(123);
      }
  });
});
