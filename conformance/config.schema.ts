import Type, { type Static, type TSchema } from 'typebox';

const profiles = [
  'core',
  'session',
  'auth_refresh',
  'auth_message',
  'direct',
  'broadcast',
  'binary',
  'resume',
  'operations',
  'cluster',
  'logs',
  'transport',
] as const;

/** Commands that a target may offer for what the protocol cannot give. */
const controls = [
  'session.revoke',
  'server.stop',
  'server.start',
  'broker.stop',
  'broker.start',
  'logs.read',
] as const;

function text(description: string) {
  return Type.Optional(Type.String({ minLength: 1, description }));
}

function whole(minimum: number, description: string) {
  return Type.Optional(Type.Integer({ minimum, maximum: 2 ** 53 - 1, description }));
}

function texts(description: string) {
  return Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), { uniqueItems: true, description }),
  );
}

function closed<T extends Record<string, TSchema>>(description: string, members: T) {
  return Type.Object(members, { additionalProperties: false, description });
}

const Profiles = (description: string) =>
  Type.Optional(Type.Array(Type.Enum(profiles), { uniqueItems: true, description }));

const token = closed('How the runner gets the tokens that its clients use.', {
  algorithm: Type.Optional(
    Type.Enum(['HS256', 'RS256', 'ES256', 'EdDSA'], {
      description: 'The algorithm that the server accepts. Default: HS256.',
    }),
  ),
  secret: text(
    'The shared secret, for HS256. Better kept in PARLOR_TEST_TOKEN_SECRET than in a file.',
  ),
  key: text('Path of a PEM file with the private key, for the other algorithms.'),
  command: text(
    'A command that mints: the claims come as JSON on its standard input, the token is its output.',
  ),
  issuer: text('The `iss` of every token, where the server asks for one.'),
  audience: text('The `aud` of every token, where the server asks for one.'),
  leeway_ms: whole(
    0,
    'The tolerance of the server for `exp` and `nbf`, in milliseconds. Default: 0.',
  ),
  key_id: text('The `kid` of every token, where the server asks for one.'),
});

const knownFailure = closed('A failure that is accepted for now; it still runs.', {
  rule: Type.String({
    minLength: 1,
    description: 'The id of a rule, or of one check of it (`rule/variant`).',
  }),
  reason: Type.String({ minLength: 1, description: 'Why it is accepted.' }),
  expires: Type.Optional(
    Type.String({
      pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
      description: 'The day from which it is no longer accepted, as YYYY-MM-DD.',
    }),
  ),
});

const settings = closed('What to run and how; each is also a flag and an environment variable.', {
  only: texts('Chapters, rules or prefixes to run; everything else is left out.'),
  skip: texts('Chapters, rules or prefixes to leave out.'),
  profile: Profiles('Profiles to run; everything else is left out.'),
  fail_on: Type.Optional(
    Type.Enum(['must', 'should'], {
      description: 'The lowest level whose violation fails the run. Default: must.',
    }),
  ),
  bail: Type.Optional(Type.Boolean({ description: 'Stop at the first failure. Default: false.' })),
  shard: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]*/[1-9][0-9]*$',
      description: 'Which part of the checks to run, such as 1/4.',
    }),
  ),
  min_checks: whole(1, 'Fewer decided checks than this make the run undecided. Default: 1.'),
  seed: whole(0, 'The seed of generated conversations. Default: drawn anew.'),
  time: whole(0, 'For how many seconds conversations are generated. Default: 4; 0: not at all.'),
  jobs: whole(1, 'How many checks may run side by side.'),
  report: texts(
    'Reports to write, each as <kind>=<path>: json, ndjson, junit, html, markdown, annotations or badge.',
  ),
});

const ofProfile = closed('How this profile is judged.', {
  skip: Type.Optional(Type.Boolean({ description: 'Leave out all checks of it. Default: false.' })),
  fail_on: Type.Optional(
    Type.Enum(['must', 'should'], {
      description:
        'The lowest level of it whose violation fails the run. Default: that of the run.',
    }),
  ),
});

const optionalOfProfile = Type.Optional(ofProfile);

/** The config file: everything that the command line can say, and the parts that are too long for it. */
const config = Type.Object(
  {
    $schema: text('Where this schema is found, for editors.'),
    url: text('The WebSocket URL of the server, such as ws://127.0.0.1:8080/ws.'),
    urls: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'The URLs of all instances of one cluster.',
      }),
    ),
    start: text(
      'The command that starts the server; PORT and the rest of the test contract are in its environment.',
    ),
    path: Type.Optional(
      Type.String({
        pattern: '^/',
        description: 'The path of the endpoint of a started server. Default: /ws.',
      }),
    ),
    instances: whole(1, 'How many instances of the start command make a cluster. Default: 1.'),
    env: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Variables for the started server, on top of the test contract.',
      }),
    ),
    plain: Type.Optional(
      Type.Boolean({
        description:
          'The server knows nothing of Parlor: only the transport is tested. Default: false.',
      }),
    ),
    logs: Type.Optional(
      Type.Boolean({
        description: 'The output of the started server is its structured log. Default: false.',
      }),
    ),
    token: Type.Optional(token),
    session: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        description: 'Valid values of the cookie `session_token`, each with its user.',
      }),
    ),
    origins: texts('Values of Origin that the server allows.'),
    require: Profiles('Profiles that the server has to announce and pass.'),
    control: Type.Optional(
      closed(
        'Commands for what the protocol cannot give: input as JSON on standard input, output as JSON on standard output.',
        Object.fromEntries(
          controls.map((name) => [name, text(`The command for ${name}.`)]),
        ) as Record<(typeof controls)[number], ReturnType<typeof text>>,
      ),
    ),
    known_failures: Type.Optional(
      Type.Array(knownFailure, {
        description:
          'Failures that are accepted for now; one that passes, expired or names no rule is red.',
      }),
    ),
    settings: Type.Optional(settings),
    profiles: Type.Optional(
      closed(
        'Settings of single profiles, which win over those of the run.',
        Object.fromEntries(profiles.map((name) => [name, optionalOfProfile])) as Record<
          (typeof profiles)[number],
          typeof optionalOfProfile
        >,
      ),
    ),
  },
  {
    additionalProperties: false,
    title: 'Parlor conformance config',
    description:
      'parlor.config.json: what `parlor test` runs against, and how. Comments are allowed.',
  },
);

/** A config file's content. */
export type Config = Static<typeof config>;

/** The schema as it stands in config.schema.json. */
export function configSchemaText(): string {
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return `${JSON.stringify({ $schema, ...config }, null, 2)}\n`;
}
