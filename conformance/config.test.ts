import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, loadKnownFailures, parseConfig } from './config.js';
import { configSchemaText } from './config.schema.js';

describe('parseConfig', () => {
  it('reads JSON with comments and trailing commas', () => {
    const text =
      '\ufeff// what to test\n{\n  /* a URL */ "url": "ws://127.0.0.1:1/ws", // here\n}\n';
    expect(parseConfig(text.slice(1), 'c')).toEqual({ url: 'ws://127.0.0.1:1/ws' });
  });

  it.each([
    ['{"ulr": "x"}', "c:1:2: the config has no key 'ulr'; did you mean 'url'?"],
    [
      '{\n  "token": {\n    "secrte": "x"\n  }\n}',
      "c:3:5: 'token' has no key 'secrte'; did you mean 'secret'?",
    ],
    [
      '{"settings": {"logs": true}}',
      "c:1:15: 'settings' has no key 'logs'; 'logs' belongs to the config itself, beside 'settings'",
    ],
    ['{"jobs": 4}', "c:1:2: the config has no key 'jobs'; 'jobs' belongs into 'settings'"],
    ['{"url": 5}', "c:1:9: 'url' has to be a text, not 5"],
    ['{"url": ""}', "c:1:9: 'url' must not be empty"],
    ['{"urls": []}', "c:1:10: 'urls' must not be empty"],
    ['{"urls": ["a", "a"]}', "c:1:10: 'urls' names something twice"],
    ['{"require": ["sesion"]}', "did you mean 'session'?"],
    [
      '{"token": {"algorithm": "HS265"}}',
      "c:1:25: 'token.algorithm' has to be HS256, RS256, ES256 or EdDSA, not \"HS265\"; did you mean 'HS256'?",
    ],
    ['{"known_failures": [{"rule": "x"}]}', "c:1:21: 'known_failures.0' lacks 'reason'"],
    ['{"known_failures": [{"rule": "x", "reason": "y", "expires": "soon"}]}', 'as YYYY-MM-DD'],
    ['{"settings": {"jobs": 0}}', "c:1:23: 'settings.jobs' has to be at least 1, not 0"],
    ['{"settings": {"jobs": 1.5}}', "'settings.jobs' has to be a whole number, not 1.5"],
    ['{"settings": {"bail": "yes"}}', '\'settings.bail\' has to be true or false, not "yes"'],
    ['{"path": "ws"}', '\'path\' is "ws", but has to be: The path of the endpoint'],
    ['[]', 'c:1:1: the config has to be an object, not []'],
    ['{"url": }', "c:1:9: this is no JSON (comments are allowed): '}' was not expected here"],
    ['{"url": "x"', 'c:1:12: this is no JSON (comments are allowed): the end of the file'],
    [
      '',
      'c:1:1: this is no JSON (comments are allowed): the end of the file was not expected here',
    ],
    ['{"url": "x", "url": "y"}', "c:1:14: the key 'url' is written twice"],
    ['{"__proto__": 1}', "the config has no key '__proto__'"],
    ['{"toString": 1}', "the config has no key 'toString'"],
  ])('refuses %s and says where', (text, message) => {
    expect(() => parseConfig(text, 'c')).toThrow(message);
  });

  it('names every mistake, up to five', () => {
    const text = JSON.stringify(
      Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`x${index}`, 1])),
    );
    try {
      parseConfig(text, 'c');
      expect.unreachable();
    } catch (error) {
      const lines = (error as Error).message.split('\n');
      expect(lines).toHaveLength(6);
      expect(lines.at(-1)).toBe('and 3 more mistakes');
    }
  });

  it('has a schema that is committed as it stands', () => {
    expect(readFileSync(new URL('config.schema.json', import.meta.url), 'utf8')).toBe(
      configSchemaText(),
    );
  });
});

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parlor-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('says which file cannot be read', () => {
    expect(() => loadConfig(join(folder, 'none.json'))).toThrow(
      /^the config .*none\.json cannot be read: ENOENT/,
    );
  });

  it('reads a list of known failures', () => {
    const file = join(folder, 'known.json');
    writeFileSync(file, '// accepted\n[{"rule": "rooms-x", "reason": "later"}]');
    expect(loadKnownFailures(file)).toEqual([{ rule: 'rooms-x', reason: 'later' }]);
    writeFileSync(file, '{}');
    expect(() => loadKnownFailures(file)).toThrow('the list has to be a list, not {}');
  });
});
