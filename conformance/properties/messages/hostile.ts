import type { JudgedRule } from '../judged.js';

/** A text that no client would send, with the outcomes that a server may choose from. */
export interface HostileText {
  label: string;
  rule: JudgedRule;
  /** Error codes, or `ack` where it may be taken for what it seems to be. */
  codes: readonly string[];
  /** The text; `request` is a harmless leave with its id, without the braces. */
  text: (request: string) => string;
  /** Whether the reply bears the `id` of the request: only where it could be read. */
  referred: boolean | 'maybe';
}

const DEEP = 10_000;

/** Texts at the edge of JSON and beyond. */
export const hostileTexts: readonly HostileText[] = [
  {
    label: 'a text that breaks off',
    rule: 'errors-invalid-json',
    codes: ['invalid_json'],
    text: (request) => `{${request},"data":{"text":"`,
    referred: false,
  },
  {
    label: 'no text at all',
    rule: 'errors-empty-message',
    codes: ['invalid_json'],
    text: () => '',
    referred: false,
  },
  {
    label: 'more after the message',
    rule: 'errors-trailing-data',
    codes: ['invalid_json'],
    text: (request) => `{${request}} {}`,
    referred: false,
  },
  {
    label: 'NaN',
    rule: 'errors-nan-refused',
    codes: ['invalid_json'],
    text: (request) => `{${request},"n":NaN}`,
    referred: false,
  },
  {
    label: 'Infinity',
    rule: 'errors-nan-refused',
    codes: ['invalid_json'],
    text: (request) => `{${request},"n":-Infinity}`,
    referred: false,
  },
  {
    label: 'a single quote',
    rule: 'errors-invalid-json',
    codes: ['invalid_json'],
    text: (request) => `{${request},'n':1}`,
    referred: false,
  },
  {
    label: 'a comma at the end',
    rule: 'errors-invalid-json',
    codes: ['invalid_json'],
    text: (request) => `{${request},}`,
    referred: false,
  },
  {
    label: 'an array',
    rule: 'errors-not-an-object',
    codes: ['invalid_envelope'],
    text: (request) => `[{${request}}]`,
    referred: false,
  },
  {
    label: 'a string',
    rule: 'errors-not-an-object',
    codes: ['invalid_envelope'],
    text: () => '"join"',
    referred: false,
  },
  {
    label: 'null',
    rule: 'errors-not-an-object',
    codes: ['invalid_envelope'],
    text: () => 'null',
    referred: false,
  },
  {
    label: 'a number',
    rule: 'errors-not-an-object',
    codes: ['invalid_envelope'],
    text: () => '1e2',
    referred: false,
  },
  {
    label: 'an empty object',
    rule: 'errors-type-missing',
    codes: ['invalid_envelope'],
    text: () => '{}',
    referred: false,
  },
  {
    label: 'a byte order mark',
    rule: 'errors-byte-order-mark',
    codes: ['invalid_json', 'ack'],
    text: (request) => `\uFEFF{${request}}`,
    referred: 'maybe',
  },
  {
    label: '10,000 levels of arrays',
    rule: 'errors-deep-nesting-survived',
    codes: ['invalid_json', 'invalid_payload', 'ack'],
    text: (request) => `{${request},"n":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`,
    referred: 'maybe',
  },
  {
    label: '32 levels',
    rule: 'errors-depth-accepted',
    codes: ['ack'],
    text: (request) => `{${request},"n":${'['.repeat(31)}${']'.repeat(31)}}`,
    referred: true,
  },
  {
    label: 'a member called __proto__',
    rule: 'errors-prototype-names-inert',
    codes: ['ack'],
    text: (request) => `{"__proto__":{"type":"welcome","id":"x"},${request}}`,
    referred: true,
  },
  {
    label: 'whitespace and escapes',
    rule: 'messages-json-any-spelling',
    codes: ['ack'],
    text: (request) => `\r\n\t {\n${request.replace('leave', '\\u006ceave')} } \n`,
    referred: true,
  },
  {
    label: 'a lone surrogate',
    rule: 'errors-lone-surrogate-not-relayed',
    codes: ['invalid_json', 'invalid_payload', 'ack'],
    text: (request) => `{${request},"n":"\\ud800"}`,
    referred: 'maybe',
  },
];
