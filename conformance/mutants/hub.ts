import { EventEmitter } from 'node:events';
import type { Broker, Listener, Parting, Who } from '#server/broker/broker.js';
import { BackendUnavailable } from '#server/broker/broker.js';
import { type BrokerBounds, MemoryBroker } from '#server/broker/memory.js';
import type { BrokerFactory } from '#server/core.js';
import type { Parts } from '#server/parts.js';
import type { LeaveReason } from '#server/state.js';

/** One instance's place at the hub, as a fault finds it. */
export interface Seat {
  readonly instance: string;
  /** The right broker of this instance. */
  readonly broker: Broker;
  /** Whom the broker tells, before any fault. */
  readonly listener: Listener;
  readonly parts: Parts;
  readonly hub: Hub;
}

/** What an instance of a cluster does otherwise than right. */
export interface Fault {
  readonly broker?: Partial<Broker>;
  readonly listener?: Partial<Listener>;
}

/** Makes the fault of one instance. */
export type ClusterFault = (seat: Seat) => Fault;

/** How long after its death an instance's users are shown, in milliseconds. */
export const TTL_MS = 1_500;

const REMOTE = [
  'enter',
  'join',
  'leave',
  'members',
  'publish',
  'relay',
  'direct',
  'broadcast',
  'recall',
  'remember',
  'admit',
  'revoke',
] as const;

interface Place {
  readonly instance: string;
  state: 'here' | 'cut' | 'dead';
  /** What is on its way to the instance, in order. */
  readonly queue: (() => void)[];
  /** Connections that ended with the instance, or while it was cut off. */
  readonly exits: (() => void)[];
  moving: boolean;
}

const lag = () => 1 + Math.random() * 3;

/**
 * A broker in memory that behaves like one behind a network: it answers late, tells each instance in order and
 * later still, can be lost by one instance or by all, and outlives the instances.
 */
export class Hub {
  readonly #fault: ClusterFault;
  readonly #places = new Map<string, Place>();
  readonly #urls = new Map<string, string>();
  #memory: MemoryBroker | null = null;
  #lost = false;
  /** `death` of an instance, `loss` and `return` of the broker. */
  readonly events = new EventEmitter();
  /** Whether the users of a dead instance are removed in the end. */
  reaps = true;

  constructor(fault: ClusterFault) {
    this.#fault = fault;
  }

  /** Whether the broker is lost at present, for this instance. */
  lostTo(instance: string): boolean {
    return this.#lost || this.#places.get(instance)?.state !== 'here';
  }

  /** Makes the broker of one instance. */
  readonly make: BrokerFactory = (instance, listener, bounds, parts) =>
    this.#attach(instance, listener, bounds, parts);

  /** Tells at which address an instance is found. */
  place(instance: string, url: string): void {
    this.#urls.set(url, instance);
  }

  /** Takes the broker away: from the instance at that address, or from all. */
  lose(url: string | undefined): void {
    const place = this.#at(url);
    if (place) place.state = 'cut';
    else this.#lost = true;
    this.events.emit('loss');
  }

  /** Gives it back: nothing of what was published is lost. */
  regain(url: string | undefined): void {
    const place = this.#at(url);
    if (place) place.state = 'here';
    else this.#lost = false;
    for (const each of this.#places.values()) {
      if (this.lostTo(each.instance)) continue;
      for (const exit of each.exits.splice(0)) exit();
      this.#move(each);
    }
    this.events.emit('return');
  }

  /** The instance dies without a word. */
  kill(instance: string): void {
    const place = this.#places.get(instance);
    if (!place) return;
    place.state = 'dead';
    this.events.emit('death', instance);
    setTimeout(() => {
      if (this.reaps) for (const exit of place.exits.splice(0)) exit();
    }, TTL_MS / 2);
  }

  #at(url: string | undefined): Place | undefined {
    return url === undefined ? undefined : this.#places.get(this.#urls.get(url) ?? '');
  }

  #attach(instance: string, listener: Listener, bounds: BrokerBounds, parts: Parts): Broker {
    this.#memory ??= new MemoryBroker(parts, bounds);
    const place: Place = { instance, state: 'here', queue: [], exits: [], moving: false };
    this.#places.set(instance, place);
    let faulty: Listener = listener;
    const right = this.#memory.attach({
      item: (item) => this.#send(place, () => faulty.item(item)),
      direct: (to, message) => this.#send(place, () => faulty.direct(to, message)),
      broadcast: (message) => this.#send(place, () => faulty.broadcast(message)),
      revoked: (session) => this.#send(place, () => faulty.revoked(session)),
    });
    const broker = this.#remote(place, right);
    const fault = this.#fault({ instance, broker, listener, parts, hub: this });
    faulty = { ...listener, ...fault.listener };
    return { ...broker, ...fault.broker };
  }

  #remote(place: Place, right: Broker): Broker {
    const remote: Record<string, unknown> = {
      ...right,
      presenceTtlMs: TTL_MS,
      healthy: () => !this.lostTo(place.instance),
      exit: (who: Who, partings: readonly Parting[], reason: LeaveReason, at: never) => {
        const exit = () => void right.exit(who, partings, reason, at);
        if (this.lostTo(place.instance)) place.exits.push(exit);
        else exit();
      },
    };
    for (const name of REMOTE) {
      const answer = right[name] as (...given: unknown[]) => unknown;
      remote[name] = async (...given: unknown[]) => {
        await pause(lag());
        if (this.lostTo(place.instance)) throw new BackendUnavailable('The broker is lost.');
        return answer(...given);
      };
    }
    return remote as unknown as Broker;
  }

  #send(place: Place, deliver: () => void): void {
    if (place.state === 'dead') return;
    place.queue.push(deliver);
    this.#move(place);
  }

  #move(place: Place): void {
    if (place.moving || this.lostTo(place.instance)) return;
    const next = place.queue[0];
    if (!next) return;
    place.moving = true;
    setTimeout(() => {
      place.moving = false;
      if (this.lostTo(place.instance)) return;
      place.queue.shift();
      next();
      this.#move(place);
    }, lag());
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
