import type { Expiry } from '#conformance/harness/watchdog.js';
import { Conversation, Stuck } from './conversation.js';
import { fence, settle } from './fence.js';
import { type Judgement, judge } from './judge/judge.js';
import type { Network } from './network.js';
import { perform, read } from './operations.js';
import type { Script } from './script.js';
import type { Announced, Trace } from './trace.js';

/** One conversation, run and judged. */
export interface Outcome {
  trace: Trace;
  judgement: Judgement;
  /** Why nothing is said of what is absent: the machine or the target was too busy. */
  inconclusive: 'noise' | 'lost' | undefined;
}

/** Runs a script and judges what came of it. It ends all its connections. */
export async function converse(
  script: Script,
  network: Network,
  announced: Announced,
  namespace: string,
): Promise<Outcome> {
  const talk = new Conversation(script, network, announced, namespace);
  let why: Expiry | undefined;
  try {
    await follow(talk);
    await fence(talk);
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    why = error.why;
  }
  const settlement =
    why === 'noise' || why === 'lost' ? { judgement: judge(talk.trace), why } : await settle(talk);
  for (const live of talk.lives) {
    live.over = true;
    live.line?.drop();
  }
  const { judgement } = settlement;
  return {
    trace: talk.trace,
    judgement,
    inconclusive: settlement.why === 'silence' ? undefined : settlement.why,
  };
}

async function follow(talk: Conversation): Promise<void> {
  const { clients, ops } = talk.script;
  clients.forEach((client, index) => {
    const participant = talk.participants[index];
    if (participant && !client.late) talk.open(participant);
  });
  await talk.until(() => talk.writable.every((live) => live.welcomed));
  for (const [index, op] of ops.entries()) {
    perform(talk, op, index);
    await pause(talk, op.client, op.wait % 4);
  }
}

async function pause(talk: Conversation, client: number, wait: number): Promise<void> {
  if (wait === 0) return;
  if (wait === 3) {
    talk.flush();
    await talk.network.turn();
    return;
  }
  const own = talk.participants[client % talk.participants.length]?.live;
  const waited = wait === 2 ? talk.writable : own ? [own] : [];
  // Who does not read hears no reply.
  for (const live of waited) read(live);
  await talk.until(() =>
    waited.every((live) => !live.writable || (live.welcomed && live.pending.length === 0)),
  );
}
