import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, connect, type Started, start } from '#server/fixtures/client.js';
import type { ServerOptions } from '#server/options.js';
import { claimed } from './claims.js';
import { linesOf, type Message, read, type WireLine } from './wire.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Labels of the examples that are no user's name. */
const USERS: Readonly<Record<string, string>> = {
  '': 'ann',
  A: 'ann',
  L: 'ann',
  P: 'ann',
  B: 'bob',
};
const userOf = (label: string): string => USERS[label] ?? label;

/** Members of `data` that differ from run to run: they have to be there, whatever they are. */
const VARIABLE = ['id', 'seq', 'epoch', 'message', 'expires_at', 'retry_after_ms'];

interface Setting {
  options?: ServerOptions;
  claims?: object;
}

/** What an example takes for granted, by a piece of it. */
const settings: readonly [RegExp, Setting][] = [
  [/"room":"board"/, { claims: { rooms: ['lounge'] } }],
  [/^ops →.*noon/m, { claims: { scope: 'parlor:broadcast' } }],
  [/too_many_protocol_errors/, { options: { limits: { max_protocol_errors: 3 } } }],
];

/** What cannot be held again as it stands, and why. */
const left: readonly [RegExp, string][] = [
  [/^[^→←]*\b(GET|HTTP\/1\.1|Cookie:|101)\b|→ GET |→ Sec-/m, 'is about the opening handshake'],
  [/…/, 'is shortened'],
  [/^ *\(|\(SIGTERM\)|server_shutdown/m, 'tells of time that passes or of what happens elsewhere'],
  [/^[^{]*$/, 'has no message'],
  [/^[^→]*$/, 'shows an event without its cause'],
  [/→ binary|duplicate_id|"gap"/, 'needs bytes, or what went before it'],
  [/rate_limited|too_many_rooms|"limit":/, 'needs what uses up a limit before it'],
];

const setting = (text: string): Setting => settings.find(([which]) => which.test(text))?.[1] ?? {};
const reason = (text: string): string | undefined => left.find(([which]) => which.test(text))?.[1];

let started: Started | undefined;
afterEach(() => started?.server.stop());

/** Whether a message is what a line shows, but for what differs from run to run. */
function fits(shown: Message, got: Record<string, unknown>): boolean {
  const known = (data: unknown) =>
    Object.fromEntries(
      Object.entries((data ?? {}) as object).map(([name, value]) => [
        name,
        VARIABLE.includes(name) ? typeof value : Array.isArray(value) ? value.toSorted() : value,
      ]),
    );
  const envelope = ['type', 'ref', 'room', 'from'] as const;
  return (
    envelope.every((name) => got[name] === shown[name]) &&
    isDeepStrictEqual(known(got['data']), known(shown.data))
  );
}

/** The rooms that connections are in before the first line, as `who room`: those that they speak and hear of. */
function memberships(lines: readonly WireLine[]): string[] {
  const [joined, outside] = [new Set<string>(), new Set<string>()];
  const before = new Set<string>();
  for (const { who, way, what } of lines) {
    const { type, room, data } = read(what) ?? {};
    const place = `${who} ${room}`;
    if (OUTSIDE.includes(String(data?.['code']))) outside.add(place);
    if (room === undefined) continue;
    if (way === '→' && type === 'join') joined.add(place);
    if (!joined.has(place)) before.add(place);
    // Who is listed, and has no line of his own until then.
    const there = [...joined, ...before].filter((each) => each.endsWith(` ${room}`));
    const users = there.map((each) => userOf(each.split(' ')[0] ?? ''));
    for (const user of (data?.['members'] ?? []) as string[])
      if (!users.includes(user)) before.add(`${user} ${room}`);
  }
  return [...before].filter((place) => !outside.has(place));
}

const OUTSIDE = ['not_in_room', 'forbidden'];

/** Brings about what an example begins with; gives its connections. */
async function begin(lines: readonly WireLine[], port: number, claims: object) {
  const before = memberships(lines).map((place) => place.split(' '));
  const labels = new Set([...lines.map(({ who }) => who), ...before.map(([who = '']) => who)]);
  const peers = new Map<string, Client>();
  for (const who of labels) peers.set(who, await connect(port, userOf(who), claims));
  for (const [who = '', room] of before)
    await peers.get(who)?.request({ type: 'join', id: `before-${room}`, room });
  for (const peer of peers.values()) {
    await peer.request({ type: 'ping', id: 'begin' });
    peer.received.length = 0;
  }
  return peers;
}

// A conversation that hangs is told by its line; the test's own end would only say that it took too long.
async function within<T>(promise: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what())), 5_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const conversations = claimed(root, 'conversations');
const held = conversations.filter(({ text }) => reason(text) === undefined);

describe('a conversation of the specification, held with the reference server', () => {
  it('is left out for a reason', () => {
    const rows = new Map<string, string[]>();
    for (const { file, line, text } of conversations) {
      const why = reason(text);
      if (why) rows.set(why, [...(rows.get(why) ?? []), `${file.replace('spec/', '')}:${line}`]);
    }
    for (const [why, places] of rows)
      process.stdout.write(`read, not held again: ${why}: ${places.join(', ')}\n`);
    expect([...rows.keys()]).toEqual(expect.arrayContaining(left.map(([, why]) => why)));
    expect(held.length).toBeGreaterThan(25);
  });

  it.each(held.map(({ file, line, text }) => [`${file}:${line}`, text] as const))(
    'goes as it is written: %s',
    async (_, text) => {
      const { options = {}, claims = {} } = setting(text);
      started = await start({ rates: [], ...options });
      const lines = linesOf(text);
      const peers = await begin(lines, started.port, claims);
      for (const { who, way, what } of lines) {
        const peer = peers.get(who);
        if (!peer) throw new Error(`there is no ${who}`);
        const [, code] = /^[Cc]lose (\d+)/.exec(what) ?? [];
        const shown = read(what);
        if (way === '→' && code) peer.ws.close(Number(code));
        else if (way === '→') peer.send(what);
        else if (code) expect((await peer.ended).code).toBe(Number(code));
        else if (shown) {
          const heard = () => `expected ${what}, heard ${JSON.stringify(peer.received)}`;
          const found = await within(
            peer.until((got) => fits(shown, got)),
            heard,
          );
          peer.received.splice(peer.received.indexOf(found), 1);
        }
      }
    },
  );
});
