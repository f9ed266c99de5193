import { createHash, randomBytes } from 'node:crypto';
import type { Joined, Once, Past, Remembered, Since } from './broker/broker.js';
import type { Frame } from './frames.js';
import { after } from './maybe.js';
import { reply } from './messages.js';
import type { Core, Effect, Gate, Incoming, Outgoing, Request } from './state.js';

/** What a recovery adds to the `ack` of a join, and the events that follow it. */
interface Recovery {
  readonly ack: { readonly recovered: boolean; readonly replayed: number };
  readonly events: readonly Past[];
}

/** The decisions of the chapter `resume`. */
export interface ResumeParts {
  /** Where a returning client stopped, if it says so. */
  since(request: Request): Since | null;
  /** All of what was missed, or nothing. */
  recover(joined: Joined, since: Since): Recovery;
  /** The epoch of a room whose numbers begin: one that no room ever had. */
  newEpoch(room: string): string;
  /** An event as it is replayed. */
  mark(event: Outgoing): Outgoing;
  /** What of a room's kept events came after `seq`, oldest first; null when a part of it is gone. */
  missed(kept: readonly Past[], seq: number, present: number): readonly Past[] | null;
  /** The types whose repetition is recognised. */
  covers(type: string): boolean;
  /** Equal exactly for requests of equal content. */
  digest(request: Request): string;
  /** Under whose name an accepted request is remembered. */
  owner(user: string, connection: string): string;
  /** The `data` of the `ack` of a repeated request. */
  repeated(first: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** Answers a request whose id was used before: the first `ack`, or `duplicate_id`. */
  repeat(core: Core, incoming: Incoming, first: Remembered): readonly Effect[];
}

/** The types whose repetition is recognised, each with the members of `data` that are its content. */
const content: Readonly<Record<string, readonly string[]>> = {
  chat: ['text', 'meta'],
  direct: ['to', 'text', 'meta'],
  broadcast: ['text', 'meta'],
  binary: ['content_type', 'name', 'meta'],
};

/** As the specification has it. */
export const resume: ResumeParts = {
  since: ({ data }) => (data['since'] as Since | undefined) ?? null,

  recover: ({ missed }) =>
    missed
      ? { ack: { recovered: true, replayed: missed.length }, events: missed }
      : { ack: { recovered: false, replayed: 0 }, events: [] },

  newEpoch: () => randomBytes(9).toString('hex'),

  mark: (event) => ({ ...event, data: { ...event.data, replay: true } }),

  missed(kept, seq, present) {
    if (seq > present) return null;
    const later = kept.filter(({ message }) => (message.seq ?? 0) > seq);
    return later.length === present - seq ? later : null;
  },

  covers: (type) => Object.hasOwn(content, type),

  digest({ type, room, data, payload }) {
    const known = (content[type] ?? []).map((name) => data[name] ?? null);
    const hash = createHash('sha256').update(canonical([type, room ?? null, known]));
    if (payload) hash.update('\n').update(payload);
    return hash.digest('base64url');
  },

  owner: (user) => user,

  repeated: (first) => ({ ...first, duplicate: true }),

  repeat(core, { request, at, once }, first) {
    const { resume: parts } = core.parts;
    if (first.digest === once?.digest)
      return reply(core, request, 'ack', parts.repeated(first.data), at);
    // A twin's budget is no matter here: the code counts against none.
    const message = core.parts.errors.message(core, request, 'duplicate_id', REUSED, {}, at);
    return message ? [{ do: 'send', message }] : [];
  },
};

const REUSED = 'The id was used for another request.';

/** The one JSON text of a value: members sorted by name. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}

/** The frames of a replay, each made when it is asked for. */
export function* replayed(core: Core, events: readonly Past[]): Generator<Frame> {
  for (const { message, payload } of events)
    yield core.parts.messages.encode(core, core.parts.resume.mark(message), payload);
}

const key = ({ user, id }: Once) => `${id} ${user}`;

/** A request is being executed: a twin of it waits for its end. */
export function underway(core: Core, once: Once, end: Promise<unknown>): void {
  core.executing.set(key(once), end);
  const forget = () => {
    if (core.executing.get(key(once)) === end) core.executing.delete(key(once));
  };
  end.then(forget, forget);
}

/** Answers a repeated request as it was answered first. */
export const repeatGate: Gate = (core, connection, incoming) => {
  const { request, at } = incoming;
  const { resume: parts } = core.parts;
  if (request.id === undefined || core.config.dedupWindowMs === null) return null;
  if (!parts.covers(request.type)) return null;
  const user = parts.owner(connection.grant.user, connection.id);
  const once = { user, id: request.id, digest: parts.digest(request) };
  const twin = core.executing.get(key(once));
  incoming.once = once;
  const look = () =>
    after(core.broker.recall(once.user, once.id, at), (first) =>
      first ? parts.repeat(core, incoming, first) : null,
    );
  return twin ? twin.then(look) : look();
};
