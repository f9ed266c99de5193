import type { Peer } from '#conformance/harness/peer.js';
import type { Stage } from '#conformance/harness/stage.js';
import type { Violation } from '#conformance/harness/verdict.js';
import { bucketOf } from '#conformance/harness/welcome.js';
import { LONGER_QUEUE, river } from './floods.js';
import { CLOSING_MS, type Drain, exits, QUIET } from './shutdown.drain.js';

/** What came of a drain with clients that read nothing. */
export interface Cuts extends Pick<Drain, 'exit'> {
  /** That the process did not end in time. */
  found: Violation | undefined;
  /** Whether the client with nothing queued was cut all the same. */
  idleCut: boolean;
  /** What a client missed that began to read within the grace; undefined where its connection did not end. */
  missed: Missed | undefined;
}

/** What a client that reads late did not receive of what was acknowledged. */
interface Missed {
  /** How many chats came, and how many were owed. */
  came: number;
  owed: number;
  /** Whether its connection ended before the grace was over. */
  early: boolean;
  /** How it ended. */
  end: string;
}

// More than the kernels keep for a client that never reads.
const UNREAD_BYTES = 8 * 1024 * 1024;

// Of the grace, the part for which a client that reads late reads nothing.
const LATE = 0.6;

// What a look at a connection that has ended may take.
const LOOK_MS = 200;

/** Drains a server with clients that read nothing; made once for all checks that look at it. */
export function cutsOf(t: Stage): Promise<Cuts> {
  return t.once('cuts', () => observe(t));
}

// Fills the queue of a member that does not read, as far as the announced numbers let one user.
async function fills(t: Stage, ann: Peer): Promise<void> {
  const { limits, rates } = ann.announced;
  const { pours, size } = river(t, ann);
  const most = (bucketOf({ rates }, 'chat')?.limit ?? Number.POSITIVE_INFINITY) * size;
  const budget = Math.min(UNREAD_BYTES, 0.75 * limits.max_queue_bytes, 0.75 * most);
  let sent = 0;
  do sent += (await pours()).length * size;
  while (sent + 16 * size < budget);
}

// A member that does not read, or one who comes back to what it has missed.
async function dawdles(ann: Peer, tortoise: Peer, back?: { since: object }): Promise<void> {
  tortoise.send('join', back, { room: 'lounge', id: 'back' });
  tortoise.pause();
  await ann.receives('join', { data: { user: tortoise.user } });
}

// What became of what ann's chats had told, once the server has ended the connection.
async function missing(ann: Peer, tortoise: Peer, graceMs: number): Promise<Missed> {
  const { detail, at } = await tortoise.ends(graceMs + CLOSING_MS);
  const notice = ann.log.find(({ message }) => message.type === 'server_shutdown')?.at ?? 0;
  const ids = ann.received('ack', ({ data }) => data.id !== undefined).map(({ data }) => data.id);
  const [joined] = tortoise.received('ack', { ref: 'back' });
  // A server that keeps fewer events than were told has nothing to replay.
  const owed = joined?.data.recovered === false ? [] : ids;
  const came = new Set(tortoise.received('chat').map(({ id }) => id));
  return {
    came: owed.filter((id) => came.has(id)).length,
    owed: owed.length,
    early: at < notice + graceMs,
    end: detail,
  };
}

async function observe(t: Stage): Promise<Cuts> {
  const at = await t.launch({ ...LONGER_QUEUE, ...QUIET, PARLOR_GRACE_MS: '1000' });
  const ann = await t.connect('ann', { at });
  const sloth = await t.connect('sloth', { at });
  const idle = await t.connect('idle', { at });
  const tortoise = await t.connect('tortoise', { at });
  const { epoch, seq } = (await ann.joins('lounge')).data;
  await sloth.joins('lounge');
  for (const peer of [sloth, idle]) {
    peer.autoClose = false;
    peer.pause();
  }
  const back = ann.announced.features.includes('resume');
  if (!back) await dawdles(ann, tortoise);
  await fills(t, ann);
  if (back) await dawdles(ann, tortoise, { since: { epoch, seq } });
  at.signal('SIGTERM');
  const { data } = await ann.receives('server_shutdown');
  const graceMs = data.grace_ms ?? 0;
  let exit: Drain['exit'];
  let missed: Missed | undefined;
  const reads = async () => {
    await t.pause(LATE * graceMs);
    tortoise.resume();
    missed = await missing(ann, tortoise, graceMs);
  };
  const [found] = await Promise.all([
    t.finds(async () => {
      exit = await exits(t, at, graceMs);
    }),
    t.finds(reads),
  ]);
  if (found) {
    idle.resume();
    await t.pause(LOOK_MS);
  }
  return {
    exit,
    found,
    idleCut: idle.endedAt !== undefined,
    missed,
  };
}
