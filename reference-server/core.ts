import { randomBytes } from 'node:crypto';
import type { Broker, Listener } from './broker/broker.js';
import { type BrokerBounds, MemoryBroker } from './broker/memory.js';
import type { Clock } from './clock.js';
import { deliver, deliverTo } from './lobby.js';
import type { Maybe } from './maybe.js';
import type { Config } from './options.js';
import type { Parts } from './parts.js';
import { closeRevoked, type SessionStore } from './sessions.js';
import type { Core, Counters, Log, Outbox, Scheduler } from './state.js';
import { createVerifier } from './tokens.js';

/** Makes the broker of one instance. */
export type BrokerFactory = (
  instance: string,
  listener: Listener,
  bounds: BrokerBounds,
  parts: Parts,
) => Maybe<Broker>;

/** A broker in memory, for this server alone. */
export const aloneInMemory: BrokerFactory = (_instance, listener, bounds, parts) =>
  new MemoryBroker(parts, bounds).attach(listener);

/** What the core is given by its shell. */
export interface Shell {
  readonly out: Outbox;
  readonly counters: Counters;
  readonly log: Log | null;
  readonly now: Clock;
  readonly agenda: Scheduler;
  readonly sessions: SessionStore | null;
  readonly makeBroker: BrokerFactory;
}

/** Sets up everything that the steps work on. */
export async function createCore(
  config: Config,
  parts: Parts,
  { makeBroker, ...shell }: Shell,
): Promise<Core> {
  // A broker may speak before the core stands. Nobody is connected yet: it concerns nobody.
  let standing: Core | null = null;
  const has = (feature: string) => config.features.has(feature);
  const listener: Listener = {
    item(item) {
      if (standing) deliver(standing, item);
    },
    // Another instance may have a profile that this one does not announce: what belongs to it is not sent here.
    direct(to, message) {
      if (standing && has('direct'))
        deliverTo(standing, parts.direct.recipients(standing, to, message), message);
    },
    broadcast(message) {
      if (standing && has('broadcast'))
        deliverTo(standing, parts.broadcast.recipients(standing, message), message);
    },
    revoked(session) {
      if (standing) closeRevoked(standing, session);
    },
  };
  const { resume, dedupWindowMs, limits } = config;
  const bounds = { resume, dedupWindowMs, mostListed: limits.max_listed_members };
  const prefix = randomBytes(9).toString('hex');
  let issued = 0;
  const core: Core = {
    config,
    parts,
    broker: await makeBroker(config.instance, listener, bounds, parts),
    verify: config.tokens ? await createVerifier(config.tokens) : null,
    awaiting: new Set(),
    connections: new Map(),
    users: new Map(),
    rooms: new Map(),
    executing: new Map(),
    typing: new Map(),
    newId: () => {
      issued += 1;
      return `${prefix}-${issued.toString(36)}`;
    },
    draining: null,
    ...shell,
  };
  standing = core;
  return core;
}
