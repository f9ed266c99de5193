import { describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { mutants } from '#conformance/mutants/index.js';
import { launcher } from '#conformance/mutants/launcher.js';
import { causesOf, type Failed } from './causes.js';
import type { RunEnd, Verdict } from './events.js';
import type { RuleId } from './requirements.js';
import { runConformance } from './run.js';

const failed = (check: string, said: string, ...rules: RuleId[]): Failed => ({
  check,
  rule: check.split('/')[0] ?? '',
  said,
  grade: 0,
  signs: rules.map((rule) => ({ rule, told: `somebody saw ${rule} broken` })),
});
const told = (...all: Failed[]) =>
  Object.fromEntries([...causesOf(all)].map(([check, cause]) => [check, cause.check]));

const oneself = 'rooms-presence-not-to-oneself';
const root = failed(oneself, 'ann received a join', oneself);

describe('causesOf', () => {
  it('puts a failure down to a rule that its own clients saw broken', () => {
    const other = failed('rooms-rejoin-silent', 'bob received join', oneself);
    expect(told(other, root)).toEqual({ 'rooms-rejoin-silent': oneself });
    expect(causesOf([other, root]).get(other.check)?.because).toBe(
      `somebody saw ${oneself} broken`,
    );
  });

  it('leaves alone what says nothing of the kind, and what saw nothing', () => {
    expect(told(root, failed('chat-text-exact', 'the text is "padded"', oneself))).toEqual({});
    expect(told(root, failed('rooms-rejoin-silent', 'bob received join'))).toEqual({});
    expect(told(root, failed('errors-ref', 'it did not come; ann received join', oneself))).toEqual(
      {},
    );
  });

  it('names no cause whose own check did not fail, and none that is milder', () => {
    const other = failed('rooms-rejoin-silent', 'bob received join', oneself);
    expect(told(other)).toEqual({});
    expect(told(other, { ...root, grade: 2 })).toEqual({});
    expect(told({ ...other, grade: 2 }, root)).toEqual({ 'rooms-rejoin-silent': oneself });
  });

  it('leaves alone what saw its own rule broken', () => {
    const other = failed(
      'rooms-rejoin-silent',
      'bob received join',
      oneself,
      'rooms-rejoin-silent',
    );
    expect(told(root, other)).toEqual({});
  });

  it('makes one finding of the checks of a rule that saw the same', () => {
    const second = failed(`${oneself}/first-connection`, 'bob received join', oneself);
    expect(told(second, root)).toEqual({ [second.check]: oneself });
  });

  it('names the most basic of several, and never goes round in a circle', () => {
    const [first, second] = ['rooms-join-acked', 'chat-acked'] as const;
    const all = [failed(first, 'no ack', second), failed(second, 'seq is undefined', first)];
    expect(told(...all)).toEqual({ [second]: first });
  });

  it('tells one fault of a schema from another', () => {
    const schema: RuleId = 'messages-schema-valid';
    const sign = (word: string) => ({
      rule: schema,
      told: `/${word} is missing`,
      word,
      kind: word,
    });
    const cause = { ...failed(schema, '/data/count is missing'), signs: [sign('count')] };
    const follows = {
      ...failed('rooms-count-users', 'count is undefined'),
      signs: [sign('count')],
    };
    const apart = { ...failed('rooms-epoch-shared', 'epoch is null'), signs: [sign('epoch')] };
    expect(told(cause, follows, apart)).toEqual({ 'rooms-count-users': schema });
  });
});

interface Judged {
  verdicts: Record<string, Verdict>;
  causes: Record<string, string>;
  end: RunEnd;
}

// Two faults of one server, and the chapters that are asked about it.
async function judged(names: readonly string[], chapters: RegExp, known?: string): Promise<Judged> {
  const chosen = mutants.filter(({ name }) => names.includes(name));
  expect(chosen).toHaveLength(names.length);
  const verdicts: Judged['verdicts'] = {};
  const causes: Judged['causes'] = {};
  const end = await runConformance(
    {
      start: launcher({
        parts: (right) => Object.assign({}, ...chosen.map((m) => m.parts(right))),
      }),
    },
    {
      checks: checks.filter(({ rule, options }) => chapters.test(rule) && !options.instance),
      ...(known !== undefined && { knownFailures: [{ rule: known, reason: 'it is known' }] }),
      report: (event) => {
        if (event.event === 'check_end') verdicts[event.check] = event.verdict;
        if (event.event === 'cause') causes[event.check] = event.caused_by;
      },
    },
  );
  return { verdicts, causes, end };
}

const failures = ({ verdicts }: Judged) =>
  Object.keys(verdicts).filter((check) => verdicts[check] === 'fail');

describe('a server with two faults', () => {
  it('keeps both as causes of their own, and every failure a failure', async () => {
    const run = await judged(['told-of-oneself', 'text-trimmed'], /^(?:rooms|chat)-/);
    const roots = failures(run).filter((check) => run.causes[check] === undefined);
    // A text of one space is trimmed to none, which fits no schema.
    const trimmed = ['chat-text-exact', 'messages-schema-valid/every-frame'];
    expect(roots.toSorted()).toEqual([...trimmed, oneself]);
    expect(Object.keys(run.causes).length).toBeGreaterThan(12);
    expect(new Set(Object.values(run.causes))).toEqual(new Set([oneself]));
    expect(run.end.totals.fail).toBe(failures(run).length);
    expect(run.end.exit_code).toBe(1);
  });

  it('hides no failure beneath one that is known', async () => {
    const run = await judged(['told-of-oneself'], /^rooms-presence-/, oneself);
    expect(run.end.totals.known).toBe(2);
    expect(failures(run)).toContain('rooms-presence-join-first-only');
    expect(run.causes).toEqual({ [`${oneself}/first-connection`]: oneself });
  });
});
