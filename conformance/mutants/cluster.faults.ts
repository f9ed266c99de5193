import type { RuleId } from '#conformance/harness/requirements.js';
import type { Broker, Who } from '#server/broker/broker.js';
import type { Outgoing } from '#server/state.js';
import type { ClusterFault, Seat } from './hub.js';
import { type Mutant, type MutantOptions, mutant } from './mutant.js';

/** A cluster of which each instance has the same fault. */
export const wrong = (
  rule: RuleId,
  name: string,
  fault: string,
  cluster: ClusterFault,
  options: MutantOptions & { parts?: Mutant['parts'] } = {},
): Mutant => mutant(rule, name, fault, options.parts ?? (() => ({})), { ...options, cluster });

/** No fault of the broker. */
export const right: ClusterFault = () => ({});

/** What this instance itself has sent to its broker, by id of the message. */
function remembering({ broker }: Seat) {
  const own = new Set<unknown>();
  const note = (message: Outgoing) => own.add(message.id);
  const sending: Partial<Broker> = {
    publish: (publication) => {
      note(publication.message);
      return broker.publish(publication);
    },
    direct: (to, message) => {
      note(message);
      return broker.direct(to, message);
    },
    broadcast: (message) => {
      note(message);
      return broker.broadcast(message);
    },
  };
  return { own: (message: Outgoing) => own.has(message.id), sending };
}

/** A cluster whose instances hear wrongly, by whether they have sent the message themselves. */
export const hearing =
  (
    hears: (
      listener: Seat['listener'],
      own: (message: Outgoing) => boolean,
    ) => Partial<Seat['listener']>,
  ): ClusterFault =>
  (seat) => {
    const { own, sending } = remembering(seat);
    return { broker: sending, listener: hears(seat.listener, own) };
  };

/** Who is in which room by way of this instance. */
export class Residents {
  readonly #who = new Map<string, Who[]>();

  in(room: string): readonly Who[] {
    return this.#who.get(room) ?? [];
  }

  users(room: string): Set<string> {
    return new Set(this.in(room).map(({ user }) => user));
  }

  enter(room: string, who: Who): void {
    if (this.in(room).some(({ connection }) => connection === who.connection)) return;
    this.#who.set(room, [...this.in(room), who]);
  }

  leave(room: string, who: Who): void {
    this.#who.set(
      room,
      this.in(room).filter(({ connection }) => connection !== who.connection),
    );
  }

  rooms(): string[] {
    return [...this.#who.keys()];
  }
}

/** Resolves after so many milliseconds; a server that waits for something for ever keeps no process alive. */
export const after = (ms: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, ms).unref());
