import { isObject } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

/** One event of a log. */
export type Line = Readonly<Record<string, unknown>>;

/** The options of a check that reads a log: an instance for all of them, with a small budget of protocol errors. */
export const own = {
  instance: { PARLOR_LOG: 'stdout', PARLOR_MAX_PROTOCOL_ERRORS: '12' },
  shared: true,
  orTarget: true,
} as const;

const EVENTS = ['websocket_connect', 'message_received', 'websocket_error', 'websocket_disconnect'];
const POLL_MS = 20;

/** The whole lines of the log so far. */
export async function all(t: Stage): Promise<string[]> {
  return (await t.log()).split('\n').slice(0, -1);
}

/** The events of the specification in the log so far; of one name, where one is given. */
export async function observed(t: Stage, event?: string): Promise<Line[]> {
  const wanted = event === undefined ? EVENTS : [event];
  return (await all(t)).flatMap((text) => {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      return []; // What is no JSON is for logs-line-is-json-object to say.
    }
    return isObject(line) && wanted.includes(String(line['event'])) ? [line] : [];
  });
}

/** The `connection_id` that a connection was told. */
export function idOf(peer: Peer): string {
  return String(peer.welcome.data['connection_id']);
}

/** The events of one name and connection in the log so far. */
export async function loggedOf(t: Stage, event: string, peer: Peer): Promise<Line[]> {
  const id = idOf(peer);
  return (await observed(t, event)).filter(({ connection_id }) => connection_id === id);
}

/** Waits until the log says that a connection has ended. */
export async function ending(t: Stage, peer: Peer): Promise<void> {
  let waiting = true;
  let last: string[] = [];
  const poll = async () => {
    while (waiting && (await loggedOf(t, 'websocket_disconnect', peer)).length === 0) {
      last = (await all(t)).slice(-5);
      await t.pause(POLL_MS);
    }
  };
  try {
    await t.within(poll(), {
      expected: `a websocket_disconnect with the connection_id ${idOf(peer)} within 5 s`,
      get actual() {
        return `no line of the log is one; its last lines are ${last.join('\n') || 'none'}`;
      },
    });
  } finally {
    waiting = false;
  }
}

/** Waits until all is written that has happened: a connection comes, goes, and is logged. */
export async function quiet(t: Stage): Promise<void> {
  const last = await t.connect('last');
  last.close(1000);
  await last.ends();
  await ending(t, last);
}
