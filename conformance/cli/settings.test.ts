import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checks } from '#conformance/checks/index.js';
import { runControl } from '#conformance/harness/control.js';
import { requirement } from '#conformance/harness/requirements.js';
import { type FlagName, flags, fromEnvironment, put, type Settings } from './flags.js';
import { failingOnShould, selected } from './selection.js';
import { gather } from './settings.js';
import { secretsOf, targetOf } from './target.js';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'parlor-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const config = (content: object, name = 'parlor.config.json') =>
  writeFileSync(join(cwd, name), JSON.stringify(content));
const url = 'ws://127.0.0.1:8080/ws';

function said(
  given: Partial<Record<FlagName, string | string[]>> = {},
  env: Record<string, string> = {},
) {
  const settings: Settings = {};
  for (const [name, value] of Object.entries(given))
    put(settings, name as FlagName, [value].flat(), `--${name}`);
  return gather(settings, fromEnvironment(env), cwd);
}

describe('flags, variables and config', () => {
  // How each flag is said on a command line and, where it can be, in a config.
  const table: Record<FlagName, [text: string, inConfig?: object]> = {
    url: [url, { url }],
    start: ['node server.js', { start: 'node server.js' }],
    path: ['/chat', { path: '/chat' }],
    instances: ['2', { instances: 2 }],
    plain: ['1', { plain: true }],
    logs: ['1', { logs: true }],
    origin: ['https://a.test', { origins: ['https://a.test'] }],
    config: ['parlor.config.json'],
    'token-algorithm': ['ES256', { token: { algorithm: 'ES256' } }],
    'token-secret': ['s', { token: { secret: 's' } }],
    'token-key': ['/key.pem', { token: { key: '/key.pem' } }],
    'token-command': ['./mint', { token: { command: './mint' } }],
    'token-issuer': ['me', { token: { issuer: 'me' } }],
    'token-audience': ['you', { token: { audience: 'you' } }],
    'token-leeway': ['5s', { token: { leeway_ms: 5000 } }],
    'token-key-id': ['k1', { token: { key_id: 'k1' } }],
    session: ['abc=ann', { session: { abc: 'ann' } }],
    only: ['rooms', { settings: { only: ['rooms'] } }],
    skip: ['chat', { settings: { skip: ['chat'] } }],
    profile: ['core', { settings: { profile: ['core'] } }],
    shard: ['1/4', { settings: { shard: '1/4' } }],
    require: ['core', { require: ['core'] }],
    'fail-on': ['should', { settings: { fail_on: 'should' } }],
    'known-failures': ['known.json'],
    'min-checks': ['3', { settings: { min_checks: 3 } }],
    bail: ['1', { settings: { bail: true } }],
    jobs: ['2', { settings: { jobs: 2 } }],
    seed: ['7', { settings: { seed: 7 } }],
    time: ['0', { settings: { time: 0 } }],
    report: ['json=/r.json', { settings: { report: ['json=/r.json'] } }],
    coverage: ['1'],
    'profile-run': ['1'],
  };

  it.each(Object.entries(table))('say %s under names of one rule', (name, [text, inConfig]) => {
    const flag = name as FlagName;
    writeFileSync(join(cwd, 'known.json'), '[]');
    config({});
    const variable = `PARLOR_TEST_${name.toUpperCase().replaceAll('-', '_')}`;
    const byFlag = said({ [name]: text })[flag];
    expect(byFlag).toBeDefined();
    expect(said({}, { [variable]: text })[flag]).toEqual(byFlag);
    if (!inConfig) return;
    config(inConfig);
    expect(said()[flag]).toEqual(byFlag);
  });

  it('let the nearer win', () => {
    config({ url, settings: { jobs: 1, min_checks: 1, seed: 1 } });
    const found = said({ jobs: '3' }, { PARLOR_TEST_JOBS: '2', PARLOR_TEST_MIN_CHECKS: '2' });
    expect([found.jobs, found['min-checks'], found.seed, found.url]).toEqual([3, 2, 1, [url]]);
  });

  it('let a nearer target replace one of the other kind', () => {
    config({ start: 'node server.js' });
    expect(said({ url })).toMatchObject({ url: [url] });
    expect(said({ url })).not.toHaveProperty('start');
    config({ url });
    expect(said({ start: 'x' })).not.toHaveProperty('url');
    expect(() => said({ url, start: 'x' })).toThrow('a URL and a start command');
  });

  it('let nearer credentials replace those of another kind', () => {
    config({ url, token: { command: './mint', issuer: 'me' } });
    expect(targetOf(said({ 'token-secret': 's' }), cwd).token).toEqual({
      algorithm: 'HS256',
      secret: 's',
      issuer: 'me',
    });
    expect(
      targetOf(said({ 'token-command': 'x' }, { PARLOR_TEST_TOKEN_SECRET: 's' }), cwd).token,
    ).toEqual({ command: { line: 'x', cwd }, issuer: 'me' });
  });

  it('run the commands of a config in its folder, those of flags where the runner stands', async () => {
    const folder = realpathSync(mkdtempSync(join(cwd, 'deep-')));
    const file = join(folder, 'parlor.config.json');
    const content = {
      token: { command: './mint' },
      control: { 'logs.read': `node -p 'JSON.stringify(process.cwd())'` },
    };
    writeFileSync(file, JSON.stringify({ start: './server', ...content }));
    const ofConfig = targetOf(said({ config: file }), cwd);
    expect(ofConfig.startOptions).toEqual({ cwd: folder });
    expect(ofConfig.token?.command).toEqual({ line: './mint', cwd: folder });
    expect(await runControl(ofConfig.control ?? {}, 'logs.read', {})).toBe(folder);
    const ofFlags = targetOf(said({ config: file, start: 'x', 'token-command': 'y' }), cwd);
    expect(ofFlags.startOptions).toEqual({ cwd });
    expect(ofFlags.token?.command).toEqual({ line: 'y', cwd });
  });

  it('find a config with comments under its other name', () => {
    writeFileSync(join(cwd, 'parlor.config.jsonc'), `{ "url": "${url}" /* here */ }`);
    expect(said().url).toEqual([url]);
  });

  it('run the commands of a config where it stands', () => {
    config({ start: './server', control: { 'session.revoke': './revoke' } });
    const control = { 'session.revoke': { command: './revoke', cwd } };
    expect(said().control).toEqual(control);
    expect(said({ start: 'another' }).control).toEqual(control);
  });

  it('separate lists in variables by commas', () => {
    expect(said({}, { PARLOR_TEST_ONLY: 'rooms, chat' }).only).toEqual(['rooms', 'chat']);
  });

  it.each([
    [
      { PARLOR_TEST_JOSB: '1' },
      'parlor knows no variable PARLOR_TEST_JOSB; did you mean PARLOR_TEST_JOBS?',
    ],
    [{ PARLOR_TEST_JOBS: 'many' }, "PARLOR_TEST_JOBS takes a whole number, not 'many'"],
    [{ PARLOR_TEST_BAIL: 'perhaps' }, "PARLOR_TEST_BAIL takes 1 or 0, not 'perhaps'"],
    [{ PARLOR_TEST_SHARD: '5/4' }, 'PARLOR_TEST_SHARD takes i/n with i from 1 to n'],
    [{ PARLOR_TEST_URL: '127.0.0.1:80' }, 'PARLOR_TEST_URL takes a URL such as'],
    [{ PARLOR_TEST_TOKEN_LEEWAY: '5' }, 'takes a time such as 500ms'],
    [{ PARLOR_TEST_SESSION: 'abc' }, 'takes <cookie value>=<user>'],
    [{ PARLOR_TEST_FAIL_ON: 'may' }, "takes must or should, not 'may'"],
  ])('refuse %j', (env, message) => {
    expect(() => said({}, env)).toThrow(message);
  });

  it('take every setting of the config schema by the name of a flag', () => {
    config({
      settings: {
        only: ['a'],
        skip: ['b'],
        profile: ['core'],
        fail_on: 'must',
        bail: false,
        shard: '1/2',
        min_checks: 1,
        seed: 0,
        jobs: 2,
        report: ['json=a/b.json'],
      },
    });
    expect(said()).toMatchObject({
      shard: { index: 1, count: 2 },
      report: [{ kind: 'json', path: join(cwd, 'a/b.json') }],
    });
    for (const name of Object.keys(said()))
      expect(Object.keys(flags).concat('folders')).toContain(name);
  });
});

describe('settings of a profile', () => {
  const profiles = { resume: { fail_on: 'should' }, binary: { skip: true } };

  it('decide on which of its rules the run fails', () => {
    config({ url, profiles });
    expect(failingOnShould(said())).toEqual(['resume']);
    config({ url, profiles: { core: { fail_on: 'must' } }, settings: { fail_on: 'should' } });
    expect(failingOnShould(said())).toEqual(expect.arrayContaining(['resume', 'session']));
    expect(failingOnShould(said())).not.toContain('core');
    config({ url });
    expect(failingOnShould(said({ 'fail-on': 'should' }))).toBe(true);
  });

  it('give way to a flag or a variable, which is meant for all', () => {
    config({ url, profiles });
    expect(failingOnShould(said({ 'fail-on': 'must' }))).toBe(false);
    expect(failingOnShould(said({}, { PARLOR_TEST_FAIL_ON: 'should' }))).toBe(true);
  });

  it('leave it out', () => {
    config({ url, profiles });
    const left = selected(checks, said());
    const found = new Set(left.map(({ rule }) => requirement(rule).profile));
    expect([found.has('resume'), found.has('binary')]).toEqual([true, false]);
  });

  it('are told where they name none', () => {
    config({ url, profiles: { resmue: {} } });
    expect(() => said()).toThrow("'profiles' has no key 'resmue'; did you mean 'resume'?");
  });
});

describe('targetOf', () => {
  it.each([
    [{}, 'there is nothing to test'],
    [{ url }, 'the runner mints its own tokens'],
    [{ url, 'token-secret': 's', 'token-key': 'k' }, 'a secret and a key'],
    [{ url, 'token-secret': 's', 'token-command': 'c' }, 'a secret and a command; give one'],
    [{ url, 'token-key': 'none.pem' }, /^the key .*none\.pem cannot be read: ENOENT/],
  ])('refuses %j', (given, message) => {
    expect(() => targetOf(said(given), cwd)).toThrow(message);
  });

  it('draws credentials for a server that it starts, as the test contract says', () => {
    const { token } = targetOf(
      said({ start: 'x', 'token-algorithm': 'EdDSA', 'token-audience': 'me' }),
      cwd,
    );
    expect(token).toMatchObject({
      algorithm: 'EdDSA',
      issuer: 'https://issuer.test',
      audience: 'me',
    });
    expect(token?.privateKey).toContain('BEGIN PRIVATE KEY');
  });

  it('needs no token for the transport alone', () => {
    expect(targetOf(said({ url, plain: 'true' }), cwd)).toEqual({ url: [url], plain: true });
    expect(targetOf(said({ url, profile: ['transport'] }), cwd)).toMatchObject({ plain: true });
    const only = ['transport-unmasked-frame-refused'];
    expect(targetOf(said({ url, only }), cwd)).toMatchObject({ plain: true });
  });

  it.each([
    ['rsa', 'RS256'],
    ['ec', 'ES256'],
    ['ed25519', 'EdDSA'],
  ] as const)('knows the algorithm of a key of type %s', (type, algorithm) => {
    const privateKey = {
      rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
      ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      ed25519: () => generateKeyPairSync('ed25519'),
    }[type]().privateKey;
    writeFileSync(join(cwd, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    config({ url, token: { key: 'key.pem' } });
    expect(targetOf(said(), cwd).token?.algorithm).toBe(algorithm);
  });

  it('says that a file is no key', () => {
    writeFileSync(join(cwd, 'key.pem'), 'hello');
    expect(() => targetOf(said({ url, 'token-key': 'key.pem' }), cwd)).toThrow(
      /^the key key\.pem is no private key in PEM/,
    );
  });

  it('tells the reports every secret', () => {
    const target = targetOf(
      said({ url, 'token-secret': 'shh!', session: ['c1=ann', 'a=b=bob'] }),
      cwd,
    );
    expect(secretsOf(target)).toEqual(['shh!', 'c1', 'a=b']);
  });
});
