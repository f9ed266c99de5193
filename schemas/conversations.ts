import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Line } from './edits.js';
import { misdeeds } from './misdeeds.js';

/** A transcript of a conversation, complete: what is not in it was not sent. */
export interface Conversation {
  title: string;
  features: string[];
  lines: Line[];
}

/** A transcript that breaks one rule. */
export interface FaultyConversation extends Conversation {
  /** The file that it is made of by a single change. */
  of: string;
  fault: string;
  /** The requirement that is broken. */
  rule: string;
  /** The line, from 0, that shows the fault; where something is missing, the line before which it had to be. */
  line: number;
}

/** Reads the conversations to accept, by file name. */
export function readConversations(examples: string): Map<string, Conversation> {
  const folder = join(examples, 'conversations/accept');
  return new Map(
    readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8'))]),
  );
}

/** The conversations to reject, by file name: each is one to accept with a single change, named by the rule it breaks. */
export function faultyConversations(examples: string): Map<string, FaultyConversation> {
  const right = readConversations(examples);
  return new Map(
    misdeeds.map(([of, rule, fault, edit]) => {
      const { title, features, lines } = structuredClone(right.get(`${of}.json`) ?? missing(of));
      edit.apply(lines);
      return [
        `${rule}.json`,
        { title, features, of: `${of}.json`, fault, rule, line: edit.line, lines },
      ];
    }),
  );
}

function missing(name: string): never {
  throw new RangeError(`no conversation ${name} to accept`);
}

/** A conversation as text: one line of JSON for each line of the transcript. */
export function print({ lines, ...head }: Conversation): string {
  const members = Object.entries(head).map(
    ([name, value]) => `  "${name}": ${JSON.stringify(value)},\n`,
  );
  const body = lines.map((line) => `    ${JSON.stringify(line)}`).join(',\n');
  return `{\n${members.join('')}  "lines": [\n${body}\n  ]\n}\n`;
}
