import { describe, expect, it } from 'vitest';
import { Journal } from './journal.js';

describe('the journal', () => {
  it('keeps secrets to itself, plain or encoded, whole or where the text is cut', () => {
    const journal = new Journal();
    const secret = `a+secret/${'x'.repeat(3_000)}`;
    journal.keepSecret(secret);
    journal.add('ann', 'sent', 'text', `before ${secret} after`);
    journal.add('ann', 'sent', 'handshake', `GET /ws?token=${encodeURIComponent(secret)}`);
    journal.add('ann', 'received', 'text', Buffer.from(`${'y'.repeat(1_900)}${secret}`));
    const texts = journal.entries().map(({ text }) => text);
    expect(texts[0]).toBe('before [redacted] after… (3022 characters)');
    expect(texts[1]).toBe('GET /ws?token=[redacted]… (3027 characters)');
    expect(texts.join()).not.toContain('a+secret');
    expect(texts.join()).not.toContain('xxx');
  });

  it('is bounded, and says what it left out', () => {
    const journal = new Journal();
    for (let i = 0; i < 5_000; i += 1) journal.add('ann', 'received', 'text', `message ${i}`);
    const entries = journal.entries();
    expect(entries).toHaveLength(501);
    expect(entries[0]?.text).toBe('message 0');
    expect(entries[150]?.text).toBe('… 4500 entries left out …');
    expect(entries.at(-1)?.text).toBe('message 4999');
  });
});
