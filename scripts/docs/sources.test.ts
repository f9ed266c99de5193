import { describe, expect, it } from 'vitest';
import { handshake } from '#conformance/checks/handshake.js';
import { operations } from '#conformance/checks/operations.js';
import { transport } from '#conformance/checks/transport.js';
import { catalog } from '#conformance/cli/catalog.js';
import { asWritten } from './sources.js';

describe('the source of a check', () => {
  it('is what stands in its file, comments and all', async () => {
    const checks = [...handshake, ...operations, ...transport];
    const rules = await asWritten(await catalog(), checks);
    const sources = new Map(
      rules.flatMap((rule) => rule.checks.map(({ id, source }) => [id, source] as const)),
    );
    const text = (id: string) => sources.get(id) ?? '';
    expect(text('handshake-subprotocol-selected').split('\n')).toEqual([
      'async (t) => {',
      "  const peer = await t.open({ token: t.mint('ann'), subprotocols: ['parlor.v1'] });",
      "  selects(t, peer, 'parlor.v1');",
      "  await peer.receives('welcome');",
      '}',
    ]);
    // A comment, what a call makes of a function, and a check that a loop makes.
    expect(text('handshake-unknown-query-ignored/other-names')).toContain('  // Whatever it is');
    expect(text('operations-answers-json')).toMatch(
      /^bothEndpoints\(async \(\{ http, equal \}, path\) => \{$/m,
    );
    expect(text('transport-invalid-utf8-refused/surrogate')).toMatch(/^\(t\) =>\n {2}refused\(/);
    for (const { id } of checks) expect(text(id), id).toMatch(/^\S.*[})]$/s);
  });
});
