import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from '#conformance/cli/fixtures/run.js';
import { parseConfig } from '#conformance/config.js';
import { closes } from '#schemas/closes.js';
import type { BodyType } from '#schemas/registry.js';
import { validateBody, validateClient, validateServer } from '#schemas/validate.js';
import { allBlocks, type Block, blocksIn } from './blocks.js';
import { dumpOf, frameOf, printed } from './bytes.js';
import { claimed, claimOf, claims } from './claims.js';
import { faultsOf, linesOf } from './wire.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const blocks = allBlocks(root);
const place = ({ file, line }: Block) => `${file}:${line}`;
const each = (name: string) => claimed(root, name).map((block) => [place(block), block] as const);

describe('the blocks of the Markdown files', () => {
  it('are all found', () => {
    const [first, second] = blocksIn('a.md', '```sh\na\n```\n\n````ts\n```\n````\n');
    expect([first, second]).toEqual([
      { file: 'a.md', line: 1, language: 'sh', text: 'a\n' },
      { file: 'a.md', line: 5, language: 'ts', text: '```\n' },
    ]);
    expect(new Set(blocks.map(({ file }) => file.split('/')[0]))).toEqual(
      new Set([
        'README.md',
        'conformance',
        'docs',
        'examples',
        'reference-server',
        'schemas',
        'spec',
      ]),
    );
  });

  it('are all executed, or held against what they speak of, by a test', () => {
    const idle = blocks.filter((block) => claimOf(block) === undefined);
    expect(idle.map((block) => `${place(block)}: nothing executes this ${block.language}`)).toEqual(
      [],
    );
  });

  it.each(claims)('are asked for: $name, by $by', ({ name, by }) => {
    expect(existsSync(join(root, by))).toBe(true);
    expect(readFileSync(join(root, by), 'utf8').includes(`'${name}')`)).toBe(true);
    expect(claimed(root, name).length).toBeGreaterThan(0);
  });

  it('come to this', () => {
    const rows = claims.map(({ name, by, does }) => [
      String(claimed(root, name).length).padStart(4),
      `${name}: ${by} ${does}`,
    ]);
    process.stdout.write(
      `${[...rows.map((row) => row.join('  ')), `${String(blocks.length).padStart(4)}  blocks`].join('\n')}\n`,
    );
  });
});

describe('a conversation of the specification', () => {
  it.each(each('conversations'))('is right line by line: %s', (_, { text }) => {
    expect(faultsOf(text)).toEqual([]);
  });

  it('is seen to be wrong where it is', () => {
    const wrong = [
      '→ {"type":"chat","id":"1","room":"a","data":{}}',
      '← {"type":"ack","ref":"1","room":"a","timestamp":"noon","data":{"id":"e","seq":1}}',
      'A → {"type":"ping","id":"2"}',
      'A ← {"type":"error","ref":"2","timestamp":"2030-01-01T12:00:00.000Z","data":{"code":"invalid_payload","message":"m","retryable":false,"path":"/data"}}',
      '← {"type":"welcome",…,"data":{…,"user":7}}',
      '← HTTP/1.1 403 OK',
      '← close 4001 "no_such_reason"',
      '← close 4999',
      '← hello',
    ];
    const faults = faultsOf(wrong.join('\n'));
    expect(faults.map((fault) => fault.split(': ').at(-1))).toEqual([
      '/data/text is missing; it is answered well',
      expect.stringMatching(/^\/timestamp must match/),
      'it fits its schema, and is answered invalid_payload',
      expect.stringMatching(/^\/data\/user/),
      'it is Forbidden',
      expect.stringMatching(/^the reasons of 4001 are /),
      'the code is not registered',
      'it is no line of a conversation',
    ]);
  });
});

describe('a document of the specification', () => {
  const read = (text: string) => JSON.parse(text) as Record<string, unknown>;
  const inLog = readFileSync(`${root}/spec/logs.md`, 'utf8');
  // What each kind of line has to have, by the table of the chapter.
  const members = new Map(
    [...inLog.matchAll(/^\| `(\w+)` \|.*\| (.*) \|$/gm)].map(([, name = '', cell = '']) => [
      name,
      [
        'timestamp',
        'connection_id',
        ...[...cell.matchAll(/\*\*(\w+)\*\*/g)].map(([, it = '']) => it),
      ],
    ]),
  );
  const judges: Record<string, (text: string) => void> = {
    'spec/broadcast.md': (text) => {
      expect(read(text)).toMatchObject({ sub: expect.any(String), exp: expect.any(Number) });
      expect(String(read(text)['scope']).split(' ')).toContain('parlor:broadcast');
    },
    'spec/handshake.md': (text) => expect(validateServer('welcome', read(text))).toBeNull(),
    'spec/logs.md': (text) => {
      for (const line of text.trim().split('\n')) {
        const wanted = members.get(String(read(line)['event']));
        expect(wanted, line).toBeDefined();
        expect(Object.keys(read(line)), line).toEqual(expect.arrayContaining(wanted ?? []));
      }
    },
    'spec/messages.md': (text) => {
      expect(validateClient('chat', read(text))).toBeNull();
      expect(read(text)).toMatchObject({ type: 'chat', id: '9' });
    },
  };

  it.each(each('documents'))('is what its chapter says: %s', (_, { file, text }) => {
    const judge = judges[file];
    expect(judge, `a judge for ${file}`).toBeDefined();
    judge?.(text);
  });

  it.each(each('HTTP'))('of HTTP is an answer as it has to be: %s', (_, { text }) => {
    const [head = '', body = ''] = text
      .replace(/^(GET|POST) \/\S+ HTTP\/1\.1\n\n/, '')
      .trim()
      .split('\n\n');
    expect(faultsOf(head.replace(/^/gm, '← '))).toEqual([]);
    const value = read(body);
    const name: BodyType = /problem\+json/.test(head)
      ? 'problem'
      : value['total_messages'] === undefined
        ? 'health'
        : 'stats';
    expect(validateBody(name, value)).toBeNull();
    expect(head).toMatch(/^Cache-Control: no-store$/m);
  });
});

describe('bytes in the specification', () => {
  it.each(each('dumps'))('are what stands beside them: %s', (_, { text }) => {
    const { bytes, beside } = dumpOf(text);
    expect(printed(bytes)).toBe(beside);
    if (bytes.length > 0) {
      const length = new DataView(bytes.buffer).getUint16(1);
      const header: unknown = JSON.parse(Buffer.from(bytes.subarray(3, 3 + length)).toString());
      expect(validateClient('binary', header)).toBeNull();
      for (const [, offset, from, , what] of text.matchAll(
        /^offset +(\d+) +([0-9a-f]{2})( […0-9a-f ]+)? {2,}(.*)$/gm,
      )) {
        expect(bytes[Number(offset)], what).toBe(Number.parseInt(from ?? '', 16));
        if (what?.startsWith('{')) expect(JSON.parse(what)).toEqual(header);
        const [, count] = /of (\d+) bytes/.exec(what ?? '') ?? [];
        if (count) expect([length, bytes.length - 3 - length]).toContain(Number(count));
      }
      return;
    }
    const frames = [
      ...text.matchAll(
        /^[→←] ([0-9a-f]{2}) ([0-9a-f]{2})(?: [0-9a-f]{2}| …)* {2,}(?:(\S+) {2,})?(.*)$/gm,
      ),
    ];
    expect(frames.length).toBe(linesOf(text).length);
    for (const [, first = '', second = '', payload, words = ''] of frames) {
      const frame = frameOf(Number.parseInt(first, 16), Number.parseInt(second, 16));
      expect(words).toContain(frame.kind);
      expect(words.includes('masked') || payload !== undefined).toBe(frame.masked);
      expect(frame.length).toBe(payload?.length ?? 0);
      const [, fin] = /FIN ([01])/.exec(words) ?? [];
      if (fin) expect(frame.fin).toBe(Number(fin));
    }
  });

  it.each(each('handshake key'))('of a key have this answer: %s', (_, { text }) => {
    const [, key = ''] = /-Key: (\S+)/.exec(text) ?? [];
    const accept = createHash('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    expect(text).toContain(`-Accept: ${accept}\n`);
  });
});

describe('the grammar of reasons', () => {
  const [grammar, examples] = claimed(root, 'grammar of reasons');
  const rules = new Map(
    [...(grammar?.text ?? '').matchAll(/^(\w+) += (.*)$/gm)].map(([, name = '', rule = '']) => [
      name,
      rule,
    ]),
  );
  const pattern = (name: string): string =>
    (rules.get(name) ?? '')
      .replace(
        /1\*\( (.*?) \)/g,
        (_, set: string) => `[${set.replace(/ \/ |"/g, '').replace('_-', '_\\-')}]+`,
      )
      .replace(/\*\( (.*?) \)/g, '(?:$1)*')
      .replace(/\b(token|key|value)\b(?![^[]*\])/g, (each) => pattern(each))
      .replace(/"(.)"/g, '$1')
      .replaceAll(' ', '');
  const reason = new RegExp(`^${pattern('reason')}$`);

  it('takes every reason that is registered or shown', () => {
    const shown = claimed(root, 'conversations').flatMap(({ text }) =>
      [...text.matchAll(/[Cc]lose \d{4} "?([a-z_]\S*?)"?$/gm)].map(([, each = '']) => each),
    );
    const registered = closes.flatMap(({ reasons }): readonly string[] => reasons);
    expect(shown.length).toBeGreaterThan(10);
    for (const each of [...registered, ...shown, ...(examples?.text.trim().split('\n') ?? [])])
      expect(each).toMatch(reason);
    for (const each of ['', 'Token Expired', 'a;b', 'a;b=', 'a;b=c d'])
      expect(each).not.toMatch(reason);
  });
});

describe('a config of the guides', () => {
  it.each(each('configs'))('is one for the runner: %s', (name, { text }) => {
    expect(parseConfig(text, name)).toHaveProperty(/"urls"/.test(text) ? 'urls' : 'start');
  });
});

describe('a workflow of the guides', () => {
  const [written, own] = claimed(root, 'workflows');

  it('is what parlor init writes', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'parlor-init-'));
    const { code } = await run(['init', '--start', './my-server'], { cwd });
    const workflow = readFileSync(join(cwd, '.github/workflows/parlor.yml'), 'utf8');
    rmSync(cwd, { recursive: true });
    expect([code, written?.text]).toEqual([0, workflow]);
  });

  it('gives the action inputs that it has', () => {
    const action = parse(readFileSync(`${root}/action.yml`, 'utf8')) as { inputs: object };
    const { jobs } = parse(own?.text ?? '') as {
      jobs: Record<string, { steps: { uses?: string; with?: object }[] }>;
    };
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    const used = steps.find(({ uses }) => uses?.startsWith('./'));
    expect(Object.keys(action.inputs)).toEqual(
      expect.arrayContaining(Object.keys(used?.with ?? {})),
    );
    expect(Object.keys(used?.with ?? {})).not.toEqual([]);
  });
});

describe('the README of the vectors', () => {
  const folder = `${root}/schemas/examples`;
  const found = claimed(root, 'vectors').map(({ text }) => text);
  const documents = found.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));

  it('shows a message to reject that has the stated fault', () => {
    const [{ path, message }] = documents;
    expect(validateClient(message.type, message)?.path).toBe(path);
    const likewise = JSON.parse(
      readFileSync(`${folder}/chat.client/reject/data.text-is-missing.json`, 'utf8'),
    ) as object;
    expect(Object.keys(likewise).sort()).toEqual(Object.keys(documents[0]).sort());
  });

  it('shows the beginning of a transcript', () => {
    const names = ['title', 'features', 'lines'];
    expect(Object.keys(documents[1])).toEqual(names);
    const real = JSON.parse(
      readFileSync(`${folder}/conversations/accept/echo-before-ack.json`, 'utf8'),
    );
    expect(Object.keys(real)).toEqual(names);
    for (const [index, line] of documents[1].lines.entries()) {
      const shortened = line.receives?.type === 'welcome';
      const wanted = shortened ? { receives: { type: 'welcome' } } : line;
      expect(real.lines[index]).toMatchObject(wanted);
    }
  });

  it('shows paths that are there', () => {
    const paths = found.flatMap((text) =>
      text.startsWith('{') ? [] : [...text.matchAll(/^(\S+)\.json/gm)].map(([, path = '']) => path),
    );
    expect(paths.length).toBe(4);
    const examples: Record<string, string> = {
      '<schema>': 'chat.client',
      '<fault>': 'data.text-is-missing',
      '<rule>': 'chat-delivered-once',
    };
    for (const path of paths) {
      const name = path.startsWith('conv') ? 'echo-before-ack' : 'full';
      const filled = path.replace(/<\w+>/g, (each) => examples[each] ?? name);
      expect(existsSync(`${folder}/${filled}.json`), filled).toBe(true);
    }
  });
});
