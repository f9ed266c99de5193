import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Fault, validateAck, validateClient, validateServer } from './validate.js';

const folder = fileURLToPath(new URL('../spec/', import.meta.url));
const chapters = readdirSync(folder).filter((name) => name.endsWith('.md'));

type Message = { type: string; id?: string; ref?: string };
interface Found {
  sender: string;
  message: Message;
  /** The type of the request that it answers, where the same block shows it. */
  request?: string;
}

/** The whole messages in a chapter's blocks of text: abridged ones, with `…`, are not judged. */
function messagesOf(chapter: string): Found[] {
  const text = readFileSync(`${folder}${chapter}`, 'utf8');
  return [...text.matchAll(/```text\n(.*?)```/gs)].flatMap(([, block = '']) => {
    const requests = new Map<string, string>();
    return [...block.matchAll(/^.*?([→←])[^{\n]*(\{.*\})\s*$/gm)].flatMap(
      ([, sender = '', json = '']) => {
        const message = read(json);
        if (!message || json.includes('…')) return [];
        if (sender === '→' && message.id) requests.set(message.id, message.type);
        const request = requests.get(message.ref ?? '');
        return [{ sender, message, ...(request === undefined ? {} : { request }) }];
      },
    );
  });
}

function read(json: string): Message | undefined {
  try {
    return JSON.parse(json) as Message;
  } catch {
    // The chapters show text that is no JSON, too.
    return undefined;
  }
}

function judge({ message, request }: Found): Fault | null {
  if (message.type !== 'ack') return validateServer(message.type, message);
  return request === undefined ? null : validateAck(request, message);
}

/** The whole messages of a server in a chapter's blocks of JSON. */
function documentsOf(chapter: string): Found[] {
  const text = readFileSync(`${folder}${chapter}`, 'utf8');
  return [...text.matchAll(/```json\n(.*?)```/gs)].flatMap(([, block = '']) => {
    const message = read(block);
    return message && 'timestamp' in message && 'type' in message ? [{ sender: '←', message }] : [];
  });
}

describe('the example conversations of the written protocol', () => {
  const found = chapters.flatMap((chapter) =>
    [...messagesOf(chapter), ...documentsOf(chapter)].map((each) => ({ chapter, ...each })),
  );

  it('are found', () => {
    expect(found.length).toBeGreaterThan(100);
  });

  it('show messages of the server that fit their schemas', () => {
    const faults = found
      .filter(({ sender }) => sender === '←')
      .flatMap((each) => {
        const fault = judge(each);
        return fault
          ? [`${each.chapter}: ${fault.path} ${fault.message} in ${JSON.stringify(each.message)}`]
          : [];
      });
    expect(faults).toEqual([]);
  });

  it('show requests that fit their schemas where an ack answers them', () => {
    const faults = found.flatMap((each) => {
      if (each.message.type !== 'ack' || each.request === undefined) return [];
      const request = found.find(
        ({ message }) => message.id === each.message.ref && message.type === each.request,
      );
      const fault = request ? validateClient(each.request, request.message) : null;
      return fault
        ? [`${each.chapter}: ${fault.path} ${fault.message} in ${JSON.stringify(request?.message)}`]
        : [];
    });
    expect(faults).toEqual([]);
  });
});
