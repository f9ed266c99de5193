import { describe, expect, it } from 'vitest';
import { converse } from '../converse.js';
import { drawScripts, scripts } from '../generate.js';
import { announced, coreOnly, styles } from '../model/announced.js';
import { randomFrom, Simulation } from '../model/network.js';
import { type Fault, Server } from '../model/server.js';
import type { Script } from '../script.js';
import type { Announced } from '../trace.js';
import type { Judgement } from './judge.js';

/** What a wrong server does, and the rules of which at least one has to say so. */
const faults: Record<string, string[]> = {
  'ghost after disconnect': ['rooms-closed-has-left', 'rooms-presence-leave'],
  'ghost after leave': ['rooms-members-no-ghosts'],
  'leak after leave': ['rooms-leave-stops-events'],
  'leak to strangers': ['rooms-no-leak-to-strangers', 'rooms-join-this-connection-only'],
  'double delivery': ['chat-delivered-once'],
  'dedup forgets': ['resume-duplicate-same-ack'],
  'dedup ignores content': ['resume-duplicate-other-content'],
  'chat without membership': ['rooms-chat-needs-membership'],
  'rate not enforced': ['rates-over-refused'],
  'rate too strict': ['rates-window-frees', 'rates-burst-admitted'],
  'wrong count': ['rooms-count-users'],
  'join for every connection': ['rooms-presence-join-first-only'],
  'rejoin announced': ['rooms-rejoin-silent'],
  'join not announced': ['rooms-presence-join'],
  'replay incomplete': ['resume-ack-counts-replay', 'resume-missed-events-replayed'],
  'snapshot before registration': ['rooms-presence-join', 'rooms-members-complete'],
  'stale seq in ack': ['rooms-join-then-every-event', 'chat-delivered-to-members'],
  'epoch of its own': ['rooms-epoch-shared'],
  'wrong reason': ['rooms-presence-reason-left'],
  'leave for every connection': ['rooms-presence-leave-last-only'],
  'leave not announced': ['rooms-presence-leave'],
  'typing lost': ['typing-relayed'],
  'typing to oneself': ['typing-not-to-oneself'],
  'typing takes seq': ['chat-seq-increments'],
  'seq skips': ['chat-seq-increments'],
  'seq reused': ['chat-seq-increments'],
  'forged sender': ['chat-from-verified'],
  'payload flipped': ['binary-payload-identical'],
  'ack of another': ['chat-ack-matches-event'],
  'chat swallowed': ['chat-echoed-to-sender', 'chat-delivered-to-members'],
  'chat executed twice': ['chat-delivered-once', 'resume-duplicate-not-delivered'],
  'text trimmed': ['chat-text-exact'],
  'meta lost': ['messages-meta-equal'],
  'direct to all': ['direct-reaches-nobody-else'],
  'direct to one': ['direct-delivered-to-each-connection'],
  'broadcast for all': ['broadcast-scope-required'],
  'delivery lost': ['chat-delivered-to-members', 'chat-echoed-to-sender'],
  'copy differs': ['chat-copies-identical'],
  'deliveries swap': ['chat-order-shared'],
  'pong lost': ['messages-one-reply', 'messages-ping-answered'],
  'pong data lost': ['messages-pong-data-equal'],
  'ack lost': ['messages-one-reply'],
  'ack to another': ['messages-replies-to-requester-only'],
  'ack doubled': ['messages-one-reply'],
  'replies swap': ['messages-reply-order'],
  'ids repeat': ['chat-ids-unique'],
};

interface Setting {
  fault?: Fault;
  numbers?: Announced;
  restless?: number;
}

async function run(
  script: Script,
  seed: number,
  { fault = () => false, numbers = announced, restless = 0 }: Setting = {},
): Promise<Judgement> {
  const style = styles[seed % styles.length] as (typeof styles)[number];
  const network = new Simulation(new Server(numbers, style, fault), randomFrom(seed), restless);
  return (await converse(script, network, numbers, 'test')).judgement;
}

function* draw(count: number, seed: number, features: readonly string[]): Generator<Script> {
  const drawn = drawScripts(scripts(features), seed);
  for (let index = 0; index < count; index += 1) yield drawn.next().value as Script;
}

/** As announced by a server whose heartbeats may fail while a conversation lasts. */
const hasty: Announced = { ...announced, heartbeat: { interval_ms: 1, timeout_ms: 1 } };

describe('the judge', () => {
  it.each<[string, Setting]>([
    ['all profiles', {}],
    ['core alone', { numbers: coreOnly }],
    ['connections ended by their server', { numbers: hasty, restless: 0.02 }],
  ])('finds nothing in right servers of every style, with %s', async (_, setting) => {
    let seed = 0;
    for (const script of draw(1500, 1, (setting.numbers ?? announced).features)) {
      seed += 1;
      const { causes, facts } = await run(script, seed, setting);
      if (causes.length > 0) {
        const told = causes.map((each) => ({
          ...each,
          proof: each.entries.map((n) => [n, facts.trace.entries[n]]),
        }));
        expect.fail(
          `seed ${seed}, style ${seed % styles.length}\n${JSON.stringify(script)}\n${JSON.stringify(told, null, 1)}`,
        );
      }
    }
  });

  it.each(Object.entries(faults))('sees %s', async (name, rules) => {
    const seen = new Set<string>();
    let seed = 0;
    for (const script of draw(600, 7, announced.features)) {
      seed += 1;
      const random = randomFrom(seed + 1_000);
      const { causes } = await run(script, seed, {
        fault: (each) => each === name && random() < 0.5,
      });
      for (const { rule } of causes) seen.add(rule);
      if (rules.some((rule) => seen.has(rule))) return;
    }
    expect.fail(`only ${[...seen].join(', ') || 'nothing'}`);
  });
});
