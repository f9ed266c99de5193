import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { closes } from './closes.js';
import {
  type Conversation,
  faultyConversations,
  print,
  readConversations,
} from './conversations.js';
import type { Line } from './edits.js';
import { validateAck, validateClient, validateServer } from './validate.js';

const examples = fileURLToPath(new URL('examples', import.meta.url));
const right = readConversations(examples);
const faulty = faultyConversations(examples);

type Message = { type: string; id?: string; ref?: string };

/** Names each message of the server that no schema accepts. */
function misfits({ lines }: Conversation): string[] {
  const requests = new Map<string, string>();
  return lines.flatMap((line: Line, index) => {
    const sent = line['sends'] as Message | undefined;
    if (sent?.id) requests.set(`${line.connection} ${sent.id}`, sent.type);
    const message = line['receives'] as Message | undefined;
    if (!message) return [];
    const request = requests.get(`${line.connection} ${message.ref}`) ?? 'chat';
    const fault =
      message.type === 'ack'
        ? validateAck(request, message)
        : validateServer(message.type, message);
    return fault ? [`line ${index}: ${fault.path} ${fault.message}`] : [];
  });
}

describe.each([...right])('the conversation %s', (name, conversation) => {
  it('holds only messages that fit their schemas', () => {
    expect(misfits(conversation)).toEqual([]);
  });

  it('holds only known kinds of lines', () => {
    for (const line of conversation.lines) {
      const kinds = Object.keys(line).filter((key) => !['connection', 'payload'].includes(key));
      expect(kinds).toHaveLength(1);
      expect(['opens', 'sends', 'sends_text', 'receives', 'closes', 'closed']).toContain(kinds[0]);
    }
  });

  it('closes with registered codes and reasons', () => {
    for (const line of conversation.lines) {
      const closed = line['closed'] as { code: number; reason: string } | undefined;
      if (!closed) continue;
      const row = closes.find(({ code }) => code === closed.code);
      const [token = ''] = closed.reason.split(';');
      expect(row?.reasons.length ? row.reasons : ['']).toContain(token);
    }
  });

  it('is written one line of the transcript per line', () => {
    const text = readFileSync(`${examples}/conversations/accept/${name}`, 'utf8');
    expect(text).toBe(print(conversation));
  });
});

describe('the conversations to accept', () => {
  it('send requests that fit, but where an error answers them', () => {
    const unfit = [...right].flatMap(([name, { lines }]) =>
      lines.flatMap((line) => {
        const sent = line['sends'] as Message | undefined;
        return sent && validateClient(sent.type, sent) ? [`${name} ${sent.type}`] : [];
      }),
    );
    expect(unfit).toEqual([
      'errors-keep-the-connection.json shout',
      'errors-keep-the-connection.json direct',
      'errors-keep-the-connection.json chat',
    ]);
  });
});

describe.each([...faulty])('the faulty conversation %s', (_name, conversation) => {
  it('differs from a right one and says where', () => {
    const { title, features, lines } = conversation;
    const original = right.get(conversation.of);
    expect(original).toBeDefined();
    expect(lines).not.toEqual(original?.lines);
    expect([title, features]).toEqual([original?.title, original?.features]);
    expect(conversation.line).toBeLessThanOrEqual(lines.length);
  });

  it('breaks a rule of the written protocol', () => {
    const file = fileURLToPath(new URL('../spec/requirements.json', import.meta.url));
    expect(existsSync(file)).toBe(true);
    const requirements: Record<string, unknown> = createRequire(import.meta.url)(
      '#spec/requirements.json',
    );
    expect(Object.keys(requirements)).toContain(conversation.rule);
  });

  it('shows its fault to no schema: only the rule tells', () => {
    expect(misfits(conversation)).toEqual([]);
  });
});
