import { describe, expect, it } from 'vitest';
import { book, explained, hostileReport, report } from './fixtures/example.js';
import { markdown } from './markdown.js';

describe('the Markdown summary', () => {
  it('begins with the verdict and counts every outcome', () => {
    const lines = markdown(report, book).split('\n');
    expect(lines[0]).toBe('## ❌ The server does not conform: 3 root causes break 7 rules.');
    expect(lines).toContain('| 7 | 1 | 1 | 1 | 1 | 8 | 3 | 1 |');
  });

  it('tells each root cause with its rule, and what follows from it', () => {
    const text = markdown(report, book);
    expect(text).toContain('### ❌ handshake-refusal-after-upgrade');
    expect(text).toContain(
      '[handshake-refusal-after-upgrade](spec/handshake.md#handshake-refusal-after-upgrade)',
    );
    expect(text).toContain('- Follows from it: `authentication-token-missing/query`, ');
    expect(text).toContain('| rates-sliding-log | inconclusive | the machine was too busy');
  });

  it('names what probably follows beneath its cause, with what happened', () => {
    const text = markdown(explained, book);
    expect(text).toContain('<summary>1 other failure probably follows from this</summary>');
    expect(text).toContain('- `chat-order-per-sender`: c1 received seq 2');
    expect(text).not.toContain('### ❌ chat-order-per-sender');
  });

  it('lets no text of a server become markup, nor end a block', () => {
    const text = markdown(hostileReport, book);
    const outside = text.split(/^(`{3,})text\n[\s\S]*?^\1$/m).filter((_, index) => index % 2 === 0);
    for (const part of outside) {
      expect(part.replace(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, '')).not.toMatch(
        /<(?!\/?(details|summary)>)/,
      );
    }
    expect(text.length).toBeLessThan(900_000);
  });
});
