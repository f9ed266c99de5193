import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { explained, hostileReport, report } from './fixtures/example.js';
import { junit } from './junit.js';

interface Element {
  name: string;
  attributes: Record<string, string>;
  text: string;
}

// Saxes refuses whatever is not well-formed XML 1.0.
function parse(xml: string): Element[] {
  const found: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes, text: '' };
    found.push(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    const element = open.at(-1);
    if (element) element.text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(xml).close();
  return found;
}

const of = (elements: Element[], name: string) => elements.filter((each) => each.name === name);

describe('the JUnit report', () => {
  it('has a case for each check, and counts as the run did', () => {
    const elements = parse(junit(report));
    const [root] = of(elements, 'testsuites');
    expect(root?.attributes).toMatchObject({
      tests: '23',
      failures: '7',
      errors: '2',
      skipped: '5',
    });
    const sum = (name: string) =>
      of(elements, 'testsuite').reduce((total, each) => total + Number(each.attributes[name]), 0);
    expect([sum('tests'), sum('failures'), sum('errors'), sum('skipped')]).toEqual([23, 7, 2, 5]);
  });

  it('tells what happened in the message, and all of it in the text', () => {
    const found = of(parse(junit(report)), 'failure').find(
      ({ text }) => text.includes('smallest') || text.includes('"ops"'),
    );
    expect(found?.attributes['message']).toBe('c1 received seq 2 ("b") before seq 1 ("a").');
    expect(found?.text).toContain('expected: c1 receives "a" before "b"');
    expect(found?.text).toContain('10.0 ms  c0 → chat r0 "a" id 1');
  });

  it('counts what follows from another failure as it did, and says from which', () => {
    const elements = parse(junit(explained));
    expect(of(elements, 'failure')).toHaveLength(7);
    expect(
      of(elements, 'failure')
        .map(({ text }) => text)
        .join('\n'),
    ).toContain('cause: probably rooms-survives-disconnect: c1 was not told that c0 is gone');
  });

  it('makes an error, not a pass, of what was not decided', () => {
    const messages = of(parse(junit(report)), 'error').map(
      ({ attributes }) => attributes['message'],
    );
    expect(messages).toEqual([
      expect.stringMatching(/^inconclusive: /),
      expect.stringMatching(/^vacuous: /),
    ]);
  });

  it('is read by a strict parser whatever a server sent', () => {
    const xml = junit(hostileReport);
    const found = of(parse(xml), 'failure');
    expect(found.length).toBe(7);
    expect(found[0]?.attributes['message']).toContain('ends ]]> --> </script>');
    expect(found[0]?.attributes['message']).toContain('👩‍👩‍👧‍👦 🎉');
    expect(found[0]?.text).toContain('\\u{1b}[31mred');
    expect(xml.length).toBeLessThan(400_000);
  });

  it('is red where the run never reached a check', () => {
    const empty = {
      ...report,
      checks: [],
      not_exercised: [],
      exit_code: 4 as const,
      summary: 'nothing listens',
    };
    const [error] = of(parse(junit(empty)), 'error');
    expect(error?.attributes['message']).toBe('nothing listens');
  });

  it('is green where the run was', () => {
    const checks = report.checks.filter(({ verdict }) => verdict === 'pass');
    const elements = parse(junit({ ...report, checks, not_exercised: [], exit_code: 0 }));
    expect([...of(elements, 'failure'), ...of(elements, 'error')]).toEqual([]);
  });
});
