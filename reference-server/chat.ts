import { timestamp } from './clock.js';
import { after } from './maybe.js';
import { reply } from './messages.js';
import type { Connection, Core, Incoming, Outcome, Outgoing, Request, Step } from './state.js';
import { stopTyping } from './typing.js';

/** The decisions of the chapter `chat`. */
export interface ChatParts {
  /** What of the request's `data` is relayed. */
  relayed(request: Request): Readonly<Record<string, unknown>>;
  /** The event that a request becomes; the broker sets its `seq`. */
  event(core: Core, connection: Connection, incoming: Incoming, data: object): Outgoing;
  /** The number of a room's next event. */
  nextSeq(present: number): number;
  /** The `data` of the `ack`. */
  ack(event: Outgoing, seq: number): Readonly<Record<string, unknown>>;
  /** Hands the event to the broker and replies. */
  publish(core: Core, connection: Connection, incoming: Incoming, event: Outgoing): Outcome;
}

/** As the specification has it. */
export const chat: ChatParts = {
  relayed: ({ data: { text, meta } }) => (meta === undefined ? { text } : { text, meta }),

  event: (core, connection, { request, at }, data) => ({
    type: request.type,
    id: core.newId(),
    room: core.parts.rooms.name(request.room ?? ''),
    from: connection.grant.user,
    seq: 0,
    timestamp: timestamp(at.wall),
    data: data as Record<string, unknown>,
  }),

  nextSeq: (present) => present + 1,
  ack: (event, seq) => ({ id: event.id, seq }),

  publish(core, _connection, incoming, message) {
    const { request, at, once } = incoming;
    const { payload } = request;
    const published = core.broker.publish({
      room: message.room ?? '',
      message,
      ...(payload ? { payload } : {}),
      once,
      at,
    });
    return after(published, (result) => {
      if ('digest' in result) return core.parts.resume.repeat(core, incoming, result);
      core.counters.accepted(at);
      return reply(core, request, 'ack', core.parts.chat.ack(message, result.seq), at);
    });
  },
};

/** `chat`: who writes no longer types; the text goes to every member. */
export const say: Step = (core, connection, incoming) => {
  const { parts } = core;
  const event = parts.chat.event(core, connection, incoming, parts.chat.relayed(incoming.request));
  return after(stopTyping(core, connection, event.room ?? '', incoming.at), () =>
    parts.chat.publish(core, connection, incoming, event),
  );
};
