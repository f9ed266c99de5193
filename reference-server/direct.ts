import { timestamp } from './clock.js';
import { refuse } from './errors.js';
import { after } from './maybe.js';
import { reply } from './messages.js';
import type { Connection, Core, Incoming, Outgoing, Step } from './state.js';

/** The decisions of the chapter `direct`. */
export interface DirectParts {
  /** The event that a request becomes. */
  event(core: Core, connection: Connection, incoming: Incoming): Outgoing;
  /** The connections of this instance that a message to a user reaches. */
  recipients(core: Core, to: string, message: Outgoing): Iterable<Connection>;
  /** What a sender is told when nobody is there to read. */
  unavailable(core: Core, to: string): string;
  /** The `data` of the `ack`. */
  ack(event: Outgoing): Readonly<Record<string, unknown>>;
}

/** As the specification has it. */
export const direct: DirectParts = {
  event: (core, connection, { request: { data }, at }) => ({
    type: 'direct',
    id: core.newId(),
    from: connection.grant.user,
    timestamp: timestamp(at.wall),
    data: {
      to: data['to'],
      text: data['text'],
      ...(data['meta'] === undefined ? {} : { meta: data['meta'] }),
    },
  }),
  recipients: (core, to) => core.users.get(to) ?? [],
  unavailable: () => 'The recipient cannot be reached.',
  ack: (event) => ({ id: event.id }),
};

/** `direct`: to each connection of one user. */
export const tell: Step = (core, connection, incoming) => {
  const { direct: parts } = core.parts;
  const { request, at, once } = incoming;
  const to = String(request.data['to']);
  const event = parts.event(core, connection, incoming);
  return after(core.broker.direct(to, event), (reached) => {
    if (!reached)
      return refuse(
        core,
        connection,
        request,
        at,
        'recipient_unavailable',
        parts.unavailable(core, to),
      );
    core.counters.accepted(at);
    const data = parts.ack(event);
    return after(once ? core.broker.remember(once, data, at) : undefined, () =>
      reply(core, request, 'ack', data, at),
    );
  });
};
