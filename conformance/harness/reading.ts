import { type FrameFault, judge } from './faults.js';
import { isMessage, type Message, parseBinary, parseText } from './message.js';

/** What is known when a message arrives. */
export interface Situation {
  /** The announced features; undefined while nothing has been announced. */
  features: readonly string[] | undefined;
  /** The types of the requests that carried this `id`. */
  requested: (ref: string) => readonly string[];
}

/** Reads a data message and judges it by the rules that hold for all; what is no message gets the type `(text)` or `(binary)`. */
export function readMessage(
  kind: 'text' | 'binary',
  raw: Buffer,
  { features, requested }: Situation,
): { message: Message; faults: FrameFault[] } {
  const parsed = kind === 'text' ? parseText(raw) : parseBinary(raw);
  if (isMessage(parsed)) {
    const known = typeof parsed.ref === 'string' ? requested(parsed.ref) : [];
    const faults = judge(parsed, { features, binary: kind === 'binary', requested: known });
    return { message: parsed, faults };
  }
  const fault: FrameFault = {
    rule: 'messages-json-object',
    expected: 'one I-JSON object in UTF-8',
    actual: parsed.fault,
  };
  const data = kind === 'text' ? { text: raw.toString('utf8') } : {};
  return { message: { type: `(${kind})`, data, payload: raw }, faults: [fault] };
}
