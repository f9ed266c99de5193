import { type Instant, timestamp } from './clock.js';
import { present } from './lobby.js';
import { after, type Maybe } from './maybe.js';
import { reply } from './messages.js';
import type { Config } from './options.js';
import type { Connection, Core, Outgoing, Step } from './state.js';

/** The decisions of the chapter `typing`. */
export interface TypingParts {
  /** The `typing` event. */
  event(core: Core, room: string, user: string, active: boolean, at: Instant): Outgoing;
  /** The user whose connections are not told. */
  except(user: string): string | undefined;
  /** How long `active: true` lasts, in milliseconds; null: for ever. */
  ttl(config: Config): number | null;
  /** Whether a chat ends the typing of its sender. */
  endsOnChat: boolean;
  /** Whether the last connection's leaving ends the typing of its user. */
  endsOnLeave: boolean;
  /** Sends the event to the room. */
  relay(core: Core, room: string, user: string, event: Outgoing): Maybe<void>;
}

/** As the specification has it. */
export const typing: TypingParts = {
  event: (_core, room, user, active, at) => ({
    type: 'typing',
    room,
    from: user,
    timestamp: timestamp(at.wall),
    data: { active, user },
  }),
  except: (user) => user,
  ttl: (config) => config.typingTtlMs,
  endsOnChat: true,
  endsOnLeave: true,
  relay: (core, room, user, event) =>
    core.broker.relay(room, event, core.parts.typing.except(user)),
};

const key = (room: string, user: string) => `${room} ${user}`;

function forget(core: Core, room: string, user: string): boolean {
  const running = core.typing.get(key(room, user));
  core.agenda.cancel(running);
  return core.typing.delete(key(room, user));
}

function tell(core: Core, room: string, user: string, active: boolean, at: Instant): Maybe<void> {
  const { typing: parts } = core.parts;
  return parts.relay(core, room, user, parts.event(core, room, user, active, at));
}

function expire(core: Core, room: string, user: string): void {
  core.typing.delete(key(room, user));
  if (!present(core, user, room, null)) return;
  const told = tell(core, room, user, false, core.now());
  // A hint that a lost broker cannot carry is not worth more than a line in the log.
  if (told instanceof Promise)
    told.catch((error: unknown) => core.log?.({ event: 'typing_lost', reason: String(error) }));
}

/** `typing`: tell the others, and remember to end it. */
export const type: Step = (core, connection, { request, at }) => {
  const room = core.parts.rooms.name(request.room ?? '');
  const { user } = connection.grant;
  const active = request.data['active'] === true;
  forget(core, room, user);
  const ttl = core.parts.typing.ttl(core.config);
  if (active && ttl !== null)
    core.typing.set(
      key(room, user),
      core.agenda.in(ttl, () => expire(core, room, user)),
    );
  return after(tell(core, room, user, active, at), () => reply(core, request, 'ack', {}, at));
};

/** Ends the typing of a user who has said what there was to say. */
export function stopTyping(
  core: Core,
  connection: Connection,
  room: string,
  at: Instant,
): Maybe<void> {
  const { user } = connection.grant;
  if (!core.parts.typing.endsOnChat || core.typing.size === 0 || !forget(core, room, user)) return;
  return tell(core, room, user, false, at);
}

/** What the room is told before a typing user's `leave`, should this connection be the last one there. */
export function farewell(
  core: Core,
  connection: Connection,
  room: string,
  at: Instant,
): Outgoing | null {
  const { user } = connection.grant;
  if (core.typing.size === 0 || present(core, user, room, connection)) return null;
  if (!forget(core, room, user) || !core.parts.typing.endsOnLeave) return null;
  return core.parts.typing.event(core, room, user, false, at);
}
