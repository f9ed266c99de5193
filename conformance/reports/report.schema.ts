import Type, { type Static } from 'typebox';
import type { Report } from './report.js';

const Text = (description: string) => Type.String({ description });
const Milliseconds = (description: string) => Type.Number({ minimum: 0, description });
const Count = () => Type.Integer({ minimum: 0 });
const Level = Type.Enum(['must', 'should', 'may'], {
  description: 'The level of the rule: the keyword of its sentence.',
});

const timelineEntry = Type.Object({
  at_ms: Milliseconds('Milliseconds since the check began.'),
  peer: Text('The client, by its label in the check.'),
  direction: Type.Enum(['sent', 'received', 'note']),
  kind: Type.Enum(['handshake', 'text', 'binary', 'ping', 'pong', 'close', 'tcp', 'http', 'note']),
  text: Text('The frame as text, shortened, secrets redacted.'),
  decisive: Type.Optional(
    Type.Literal(true, { description: 'The failure rests on it; absent where that is not known.' }),
  ),
});

const failure = Type.Object(
  {
    rule: Text('The rule that was broken.'),
    expected: Type.Array(Type.String(), {
      description: 'The acceptable outcomes, one sentence each.',
    }),
    actual: Text('What happened instead.'),
    hint: Type.Optional(Text('The likely cause and its cure.')),
    timeline: Type.Array(timelineEntry, { description: 'What each client saw, in order.' }),
    caused_by: Type.Optional(
      Text(
        'The check whose failure explains this one; reports for people show this one beneath it.',
      ),
    ),
    because: Type.Optional(
      Text(
        'What the clients of this check saw of that cause; present where the cause is probable, and not certain.',
      ),
    ),
    script: Type.Optional(
      Type.Unknown({ description: 'The smallest generated conversation that still fails.' }),
    ),
    reproduction: Type.Optional(
      Type.Object(
        { hits: Count(), runs: Count() },
        { description: 'How often the script failed when it was repeated.' },
      ),
    ),
    replay: Type.Optional(Text('The command that runs this failure again.')),
  },
  { description: 'What is needed to understand and mend one broken rule.' },
);

const known = Type.Object(
  { reason: Type.String(), expires: Type.Optional(Type.String()) },
  { description: 'The known-failures entry that covers the failure.' },
);

const check = Type.Object({
  check: Text("The check's id: its rule's id, or rule/variant."),
  rule: Text('The id of the rule.'),
  chapter: Text('The chapter of the spec.'),
  profile: Text('The profile that the rule belongs to.'),
  level: Level,
  text: Text('The normative sentence.'),
  verdict: Type.Enum(
    ['pass', 'fail', 'warning', 'inconclusive', 'vacuous', 'not_exercised', 'excluded'],
    {
      description: 'Only pass is green; nothing undecided is summed into it.',
    },
  ),
  duration_ms: Milliseconds('How long the check took, in milliseconds.'),
  attempts: Type.Integer({
    minimum: 0,
    description: 'How often it was run to come to its verdict.',
  }),
  reason: Type.Optional(Text('Why it was inconclusive, vacuous, not exercised or excluded.')),
  failure: Type.Optional(failure),
  known: Type.Optional(known),
});

const target = Type.Object(
  {
    urls: Type.Array(Type.String()),
    command: Type.Optional(Text('The command that the runner started.')),
    server: Type.Optional(Type.Object({ name: Type.String(), version: Type.String() })),
    features: Type.Array(Type.String(), { description: 'The profiles that the server announces.' }),
    welcome: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: 'The data of the first welcome.' }),
    ),
  },
  { description: 'What was tested.' },
);

const totals = Type.Object(
  {
    pass: Count(),
    fail: Count(),
    warning: Count(),
    inconclusive: Count(),
    vacuous: Count(),
    not_exercised: Count(),
    excluded: Count(),
    known: Count(),
  },
  { description: 'Checks by verdict; known failures are not in fail.' },
);

const report = Type.Object(
  {
    schema: Type.Literal(1, { description: 'Version of this format.' }),
    started_at: Text('When the run began, RFC 3339 in UTC.'),
    parlor_version: Type.String(),
    node_version: Type.String(),
    seed: Type.Integer({ description: 'The seed of generated conversations.' }),
    target,
    expected_ms: Milliseconds('How long the run was expected to take, in milliseconds.'),
    duration_ms: Milliseconds('How long it took, in milliseconds.'),
    exit_code: Type.Enum([0, 1, 2, 3, 4, 5, 64], {
      description:
        '0 conforms; 1 violation; 2 stale or unknown known-failures entry; 3 inconclusive, vacuous or zero checks; 4 target unreachable; 5 bug of the suite; 64 usage.',
    }),
    summary: Text('The verdict in one sentence.'),
    totals,
    checks: Type.Array(check, {
      description: 'Every check that ran, in the order in which they ended.',
    }),
    findings: Type.Array(Type.Object({ rule: Type.String(), check: Type.String(), failure }), {
      description: 'Rules that a frame broke which any check received; once per rule.',
    }),
    not_exercised: Type.Array(Type.Object({ rule: Type.String(), reason: Type.String() }), {
      description: 'Rules that this target gives no way to exercise.',
    }),
    notes: Type.Array(
      Type.Object({ level: Type.Enum(['info', 'warning', 'error']), text: Type.String() }),
    ),
    coverage: Type.Optional(
      Type.Array(
        Type.Object({
          title: Type.String(),
          rows: Type.Array(Type.Object({ what: Type.String(), times: Count() })),
        }),
        { description: 'What generated conversations exercised, and how often.' },
      ),
    ),
  },
  {
    title: 'Parlor conformance report',
    description:
      'What `parlor test --report json=<path>` writes. Members may be added; schema rises when readers would break.',
  },
);

// The types of the reports and the schema say the same; where they part, this does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
const same: Same<Static<typeof report>, Report> = true;

/** The schema as it stands in report.schema.json. */
export function reportSchemaText(): string {
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return `${JSON.stringify(same && { $schema, ...report }, null, 2)}\n`;
}
