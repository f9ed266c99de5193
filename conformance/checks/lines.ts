import { isObject } from '#conformance/harness/message.js';
import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';

/** One event of a log. */
export type Line = Readonly<Record<string, unknown>>;

/** The options of a check that reads a log: an instance for all of them, that ends connections soon for what they do wrong. */
export const own = {
  instance: {
    PARLOR_LOG: 'stdout',
    PARLOR_MAX_PROTOCOL_ERRORS: '12',
    PARLOR_MESSAGES_CLOSE_AFTER: '3',
  },
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

/**
 * The events of one name and connection, once there are `count` of them and all is written that has happened; a line is
 * written within 5 s.
 */
export async function written(t: Stage, event: string, peer: Peer, count: number): Promise<Line[]> {
  await quiet(t);
  await comes(t, event, peer, count);
  return loggedOf(t, event, peer);
}

/** Waits until all is written that has happened: a connection comes, goes, and is logged. */
export async function quiet(t: Stage): Promise<void> {
  const last = await t.connect('last');
  last.close(1000);
  await last.ends();
  await comes(t, 'websocket_disconnect', last, 1);
}

async function comes(t: Stage, event: string, peer: Peer, count: number): Promise<void> {
  let waiting = true;
  let found = 0;
  let last: string[] = [];
  const poll = async () => {
    for (;;) {
      found = (await loggedOf(t, event, peer)).length;
      if (!waiting || found >= count) return;
      last = (await all(t)).slice(-5);
      await t.pause(POLL_MS);
    }
  };
  try {
    await t.within(poll(), {
      expected: `${count} ${event} with the connection_id ${idOf(peer)} within 5 s`,
      get actual() {
        return `the log has ${found} such lines; its last lines are ${last.join('\n') || 'none'}`;
      },
    });
  } finally {
    waiting = false;
  }
}
