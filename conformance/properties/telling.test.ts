import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Finding } from './campaign.js';
import { tellFinding } from './telling.js';

const folder = mkdtempSync(join(tmpdir(), 'parlor-'));
afterAll(() => rmSync(folder, { recursive: true }));

const found = { rule: 'chat-acked', expected: 'an ack', actual: 'none', entries: [] };
const finding = {
  script: { rooms: 1, clients: [{ user: 0 }], ops: [] },
  trace: { namespace: 'n', announced: {}, entries: [] },
  judgement: { causes: [found], consequences: [] },
} as unknown as Finding;
const tell = (where: string) => tellFinding(finding, 'chat-acked', undefined, where);

it('a finding is kept, and told with the command that holds it again', () => {
  const { replay, actual } = tell(join(folder, 'kept'));
  expect(actual).toBe('none');
  const [name = ''] = readdirSync(join(folder, 'kept'));
  expect(replay).toBe(`npx parlor replay ${name.replace('.json', '')}`);
});

it('a finding that cannot be kept is told all the same, and why it is not', () => {
  writeFileSync(join(folder, 'taken'), 'no folder');
  const { replay, actual, hint } = tell(join(folder, 'taken'));
  expect([replay, actual]).toEqual([undefined, 'none']);
  expect(hint).toMatch(/could not be kept for `parlor replay`: E\w+/);
});
