import type { Message } from '#conformance/harness/message.js';
import { breaches } from './breaches.js';
import type { Conversation } from './conversation.js';
import { mistakes } from './mistakes.js';
import type { Live, Participant } from './participant.js';
import type { Operation, OperationName } from './script.js';
import { metaOf, payloadOf, person, textOf } from './words.js';

/** An operation about to be performed. */
interface Step {
  talk: Conversation;
  op: Operation;
  index: number;
  participant: Participant;
}

/** A step of a client that is connected. */
interface Connected extends Step {
  live: Live;
  room: string;
}

/** A bucket with a larger limit is not flooded: floods of more messages than this would take too long for what they show. */
export const LARGEST_FLOOD = 60;

/** A message limit above this is not exceeded, in bytes. */
export const LONGEST_MESSAGE = 1_048_576;

/** Performs one operation; what makes no sense in the present state is left out, so that every script is legal. */
export function perform(talk: Conversation, op: Operation, index: number): void {
  const participant = talk.participants[op.client % talk.participants.length];
  if (!participant) return;
  const step = { talk, op, index, participant };
  if (op.op === 'open') {
    if (!participant.live) talk.open(participant);
    return;
  }
  const live = participant.live;
  const room = talk.rooms[(op.room ?? 0) % talk.rooms.length];
  if (live?.writable && room !== undefined) steps[op.op]({ ...step, live, room });
}

const steps: Record<Exclude<OperationName, 'open'>, (step: Connected) => void> = {
  join: (step) => request(step, { type: 'join', room: step.room, data: since(step) }),
  leave: (step) => request(step, { type: 'leave', room: step.room, data: {} }),
  members: (step) => request(step, { type: 'members', room: step.room, data: {} }),
  chat: (step) =>
    speak(step, (tag) => ({
      type: 'chat',
      room: step.room,
      data: { text: text(step, tag), ...meta(step) },
    })),
  typing: (step) =>
    request(step, {
      type: 'typing',
      room: step.room,
      data: { active: (step.op.active ?? 0) % 2 === 0 },
    }),
  ping: (step) =>
    request(step, { type: 'ping', data: { n: step.talk.fresh(), ...metaOf(step.op.meta ?? 0) } }),
  direct: (step) => {
    if (!announced(step, 'direct')) return;
    const to = `${person((step.op.user ?? 0) % 4)}.${step.talk.namespace}`;
    speak(step, (tag) => ({ type: 'direct', data: { to, text: text(step, tag), ...meta(step) } }));
  },
  broadcast: (step) => {
    if (announced(step, 'broadcast'))
      speak(step, (tag) => ({ type: 'broadcast', data: { text: text(step, tag), ...meta(step) } }));
  },
  binary: (step) => {
    if (!announced(step, 'binary')) return;
    const described =
      (step.op.meta ?? 0) % 2 === 1 ? { content_type: 'image/png', name: 'bild „1“.png' } : {};
    speak(step, (tag) => ({
      type: 'binary',
      room: step.room,
      data: { ...described, ...meta(step) },
      payload: payloadOf(tag, step.op.text ?? 0),
    }));
  },
  repeat,
  fault,
  pieces: (step) =>
    request(step, { type: 'members', room: step.room, data: {} }, step.op.text ?? 0),
  breach: ({ talk, live, op }) => {
    const breach = breaches[(op.fault ?? 0) % breaches.length];
    const long =
      breach?.rule === 'limits-message-over-closed' &&
      talk.announced.limits.max_message_bytes > LONGEST_MESSAGE;
    if (!breach || !live.opened || long) return;
    // Whoever does not read sees no end.
    read(live);
    talk.end(live, breach);
  },
  flood,
  close: ({ talk, live }) => talk.end(live, 'close'),
  kill: ({ talk, live }) => talk.end(live, 'kill'),
  cut: ({ talk, live, room }) => {
    // Its second half never comes, so nobody may ever hear of it.
    const half = JSON.stringify({ type: 'chat', room, data: { text: `${talk.namespace}#cut` } });
    if (live.opened) talk.end(live, { half });
  },
  // Who has not been let in yet would stay in the door.
  pause: ({ live }) => {
    if (!live.opened) return;
    live.paused = true;
    live.line?.pause();
  },
  read: ({ live }) => read(live),
};

/** Reads a socket again that was paused. */
export function read(live: Live): void {
  if (!live.paused) return;
  live.paused = false;
  if (!live.over) live.line?.read();
}

function announced({ talk }: Step, feature: string): boolean {
  return talk.announced.features.includes(feature);
}

function meta({ op }: Step): { meta?: Record<string, unknown> } {
  const value = metaOf(op.meta ?? 0);
  return value === undefined ? {} : { meta: value };
}

function text({ talk, op }: Step, tag: string): string {
  const whole = textOf(tag, op.text ?? 0);
  return Buffer.byteLength(whole) <= talk.announced.limits.max_text_bytes ? whole : tag;
}

/** Sends a request of the control bucket. */
function request({ talk, op, index, live }: Connected, message: Message, pieces?: number): void {
  // The fence needs a join and a list for each room.
  if (talk.budget.left(live, message.type) <= 2 * talk.rooms.length) return;
  const bare = message.type === 'ping' && (op.bare ?? 0) % 2 === 1;
  talk.send(live, bare ? message : { ...message, id: talk.fresh() }, {
    operation: index,
    ...(pieces !== undefined && { pieces }),
  });
}

/** Sends a message of the messages bucket; keeps one back for each room's fence. */
function speak(step: Connected, build: (tag: string) => Message): void {
  const { talk, op, index, live } = step;
  const message = build(tag(talk));
  if (talk.budget.left(live, message.type) <= reserve(step)) return;
  const bare = message.type === 'chat' && (op.bare ?? 0) % 2 === 1;
  const whole = bare ? message : { ...message, id: talk.fresh() };
  if (!bare) talk.lastSent.set(live.user, whole);
  talk.send(live, whole, { operation: index });
}

function tag(talk: Conversation): string {
  return `${talk.namespace}#${talk.fresh()}`;
}

/** How many messages of a user the fence will need: a marker of each connection for each room it spoke in. */
function reserve({ talk, live, room }: Connected): number {
  const mine = talk.writable.filter((each) => each.user === live.user);
  const spoken = mine.reduce((sum, each) => sum + each.spoke.size, 0);
  return live.spoke.has(room) ? spoken : spoken + 1;
}

function repeat(step: Connected): void {
  const { talk, op, index, live } = step;
  const last = talk.lastSent.get(live.user);
  // Without deduplication a repetition would be a message of its own under a used id.
  if (!last || talk.announced.dedup_window_ms === undefined) return;
  if (talk.budget.left(live, last.type) <= reserve(step)) return;
  const other = (op.other ?? 0) % 2 === 1 && last.type !== 'binary';
  const message = other ? { ...last, data: { ...last.data, text: tag(talk) } } : last;
  talk.send(live, message, { operation: index });
}

function fault({ talk, op, index, live, room }: Connected): void {
  const mistake = mistakes[(op.fault ?? 0) % mistakes.length];
  if (!mistake || !talk.budget.mayErr(live)) return;
  const nowhere = `nowhere.${talk.namespace}`;
  const setting = {
    room,
    nowhere,
    id: talk.fresh(),
    variant: op.text ?? 0,
    announced: talk.announced,
  };
  const named = mistake.make(setting);
  // What may be taken for a request is answered only when it has an id.
  const bare = (op.bare ?? 0) % 2 === 1 && !named?.faulty.codes.includes('ack');
  const draft = bare ? mistake.make({ ...setting, id: undefined }) : named;
  if (!draft) return;
  const { wire, referred, faulty } = draft;
  if (faulty.as !== undefined && talk.budget.left(live, faulty.as) <= 2 * talk.rooms.length) return;
  if (Buffer.byteLength(wire) > talk.announced.limits.max_message_bytes) return;
  // What is sent stands in the trace as it went out; its id only where the reply has to refer to it.
  const text = typeof wire === 'string' ? wire : wire.toString('latin1');
  const message: Message = { type: '(text)', data: { text } };
  if (!bare && referred !== false) message.id = setting.id;
  talk.send(live, message, {
    faulty: referred === 'maybe' ? { ...faulty, loose: true } : faulty,
    operation: index,
    raw: wire,
  });
}

function flood({ talk, index, live, room }: Connected): void {
  const rate = talk.budget.bucket('chat');
  if (!rate || rate.limit > LARGEST_FLOOD || rate.close_after === 1) return;
  const over = rate.close_after === 0 ? 2 : Math.min(2, rate.close_after - 1);
  // One flood a user: the refusals of several might add up to a close.
  const many = talk.budget.left(live, 'chat') + over;
  if (many <= over) return;
  // A limit of the user's holds for all connections together, whichever of them comes first.
  const mine = talk.writable.filter((each) => each.user === live.user);
  const lives = rate.scope === 'user' ? mine : [live];
  for (let count = 0; count < many; count += 1)
    talk.send(
      lives[count % lives.length] ?? live,
      { type: 'chat', room, id: talk.fresh(), data: { text: tag(talk) } },
      { operation: index },
    );
}

function since({ talk, op, participant, room }: Connected): Record<string, unknown> {
  const known = participant.memory.get(room);
  if (!talk.announced.features.includes('resume') || !known) return {};
  const { epoch, seq } = known;
  const choices = [
    undefined,
    { epoch, seq },
    { epoch, seq: 0 },
    { epoch, seq: seq + 1000 },
    { epoch: 'unknown-epoch', seq },
  ];
  const choice = choices[(op.since ?? 0) % choices.length];
  return choice ? { since: choice } : {};
}
