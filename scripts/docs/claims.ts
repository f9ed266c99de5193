import { allBlocks, type Block } from './blocks.js';

/** What becomes of blocks: the test that executes them, or holds them against what they speak of. */
export interface Claim {
  name: string;
  /** The test, which asks for its blocks by `claimed`. */
  by: string;
  /** What it does with each. */
  does: string;
  takes: (block: Block) => boolean;
}

const at =
  (file: string, language: string) =>
  (block: Block): boolean =>
    block.file === file && block.language === language;

const within =
  (folder: string, language: string, content = /(?:)/) =>
  ({ file, ...block }: Block): boolean =>
    file.startsWith(folder) && block.language === language && content.test(block.text);

/** Every block belongs to the first claim that takes it. */
export const claims: readonly Claim[] = [
  {
    name: 'commands',
    by: 'scripts/docs/commands.test.ts',
    does: 'runs each command, with a server of the test in place of yours',
    takes: ({ language }) => language === 'sh',
  },
  {
    name: 'diagrams',
    by: 'test/browser.test.ts',
    does: 'draws each in Chromium',
    takes: ({ language }) => language === 'mermaid',
  },
  {
    name: 'console',
    by: 'test/browser.test.ts',
    does: 'runs it in Chromium against the reference server',
    takes: at('docs/start.md', 'js'),
  },
  {
    name: 'client',
    by: 'reference-client/browser.test.ts',
    does: 'runs each in Chromium against the reference server',
    takes: (block) =>
      at('docs/client.md', 'js')(block) || at('docs/tutorial/clients.md', 'js')(block),
  },
  {
    name: 'check',
    by: 'conformance/mutants/readme.test.ts',
    does: 'type-checks it, and runs it against a right and a wrong server',
    takes: at('conformance/checks/README.md', 'ts'),
  },
  {
    name: 'vectors in Python',
    by: 'scripts/docs/python.test.ts',
    does: 'runs it over all vectors',
    takes: at('schemas/examples/README.md', 'python'),
  },
  {
    name: 'configs',
    by: 'scripts/docs/blocks.test.ts',
    does: 'reads each as the runner reads a config',
    takes: ({ file, language }) => file.startsWith('docs/') && /^jsonc?$/.test(language),
  },
  {
    name: 'workflows',
    by: 'scripts/docs/blocks.test.ts',
    does: 'holds them against what parlor init writes and against action.yml; npm run check:ci lints them',
    takes: ({ language }) => language === 'yaml',
  },
  {
    name: 'failure',
    by: 'scripts/docs/tutorial.test.ts',
    does: 'compares it with what a run against the tutorial prints',
    takes: at('docs/test-your-server.md', 'text'),
  },
  {
    name: 'vectors',
    by: 'scripts/docs/blocks.test.ts',
    does: 'holds it against the vectors, which have the same form',
    takes: ({ file }) => file === 'schemas/examples/README.md',
  },
  {
    name: 'documents',
    by: 'scripts/docs/blocks.test.ts',
    does: 'validates each by its schema, or by what its chapter says of it',
    takes: within('spec/', 'json'),
  },
  {
    name: 'dumps',
    by: 'scripts/docs/blocks.test.ts',
    does: 'decodes the bytes, and compares them with the text beside them',
    takes: within('spec/', 'text', /^([0-9a-f]{4} {2}|[→←] [0-9a-f]{2} )/m),
  },
  {
    name: 'grammar of reasons',
    by: 'scripts/docs/blocks.test.ts',
    does: 'reads all registered reasons and all closes of the examples by it',
    takes: within('spec/closes.md', 'text', /^reason = |^token_expired\n/),
  },
  {
    name: 'handshake key',
    by: 'scripts/docs/blocks.test.ts',
    does: 'computes the answer to the key',
    takes: within('spec/transport.md', 'text', /^Sec-WebSocket-Key/),
  },
  {
    name: 'HTTP',
    by: 'scripts/docs/blocks.test.ts',
    does: 'reads status line and headers, and validates the body by its schema',
    takes: within('spec/operations.md', 'text'),
  },
  {
    name: 'conversations',
    by: 'scripts/docs/blocks.test.ts',
    does: 'reads every line: messages by their schemas, closes and statuses by their registries; replays.test.ts holds them with the reference server',
    takes: within('spec/', 'text', /[→←]/),
  },
];

/** The claim of a block; undefined where nothing takes it. */
export const claimOf = (block: Block): Claim | undefined =>
  claims.find(({ takes }) => takes(block));

const known = new Map<string, Block[]>();

/** The blocks of a claim, of which there has to be one. */
export function claimed(root: string, name: string): Block[] {
  const blocks = known.get(root) ?? allBlocks(root);
  known.set(root, blocks);
  const found = blocks.filter((block) => claimOf(block)?.name === name);
  if (found.length === 0) throw new Error(`expected blocks that ${name} claims, found none`);
  return found;
}
