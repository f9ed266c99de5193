import { timestamp } from './clock.js';
import { after } from './maybe.js';
import { reply } from './messages.js';
import type { Connection, Core, Grant, Incoming, Outgoing, Step } from './state.js';

/** The decisions of the chapter `broadcast`. */
export interface BroadcastParts {
  /** Whether the grant entitles to it. */
  allowed(grant: Grant): boolean;
  /** The event that a request becomes. */
  event(core: Core, connection: Connection, incoming: Incoming): Outgoing;
  /** The connections of this instance that it reaches: the welcomed ones. */
  recipients(core: Core, message: Outgoing): Iterable<Connection>;
  /** The `data` of the `ack`. */
  ack(event: Outgoing): Readonly<Record<string, unknown>>;
}

/** As the specification has it. */
export const broadcast: BroadcastParts = {
  allowed: (grant) => grant.scopes.includes('parlor:broadcast'),
  event: (core, connection, { request: { data }, at }) => ({
    type: 'broadcast',
    id: core.newId(),
    from: connection.grant.user,
    timestamp: timestamp(at.wall),
    data: {
      text: data['text'],
      ...(data['meta'] === undefined ? {} : { meta: data['meta'] }),
    },
  }),
  recipients: (core) => core.connections.values(),
  ack: (event) => ({ id: event.id }),
};

/** `broadcast`: to every welcomed connection. */
export const announce: Step = (core, connection, incoming) => {
  const { broadcast: parts } = core.parts;
  const { request, at, once } = incoming;
  const event = parts.event(core, connection, incoming);
  return after(core.broker.broadcast(event), () => {
    core.counters.accepted(at);
    const data = parts.ack(event);
    return after(once ? core.broker.remember(once, data, at) : undefined, () =>
      reply(core, request, 'ack', data, at),
    );
  });
};
