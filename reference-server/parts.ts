import { type AuthenticationParts, authentication } from './authentication.js';
import { type BackpressureParts, backpressure } from './backpressure.js';
import { type BinaryParts, binary } from './binary.js';
import { type BroadcastParts, broadcast } from './broadcast.js';
import { type ChatParts, chat } from './chat.js';
import { type ClosesParts, closes } from './closes.js';
import { type DirectParts, direct } from './direct.js';
import { type ErrorsParts, errors } from './errors.js';
import { type HandshakeParts, handshake } from './handshake.js';
import { type HeartbeatParts, heartbeat } from './heartbeat.js';
import { type LimitsParts, limits } from './limits.js';
import { type LogsParts, logs } from './logs.js';
import { type MessagesParts, messages } from './messages.js';
import { type OperationsParts, operations } from './operations.js';
import { type RatesParts, rates } from './rates.js';
import { type GateName, gates, precedence, steps } from './requests.js';
import { type ResumeParts, resume } from './resume.js';
import { type RoomsParts, rooms } from './rooms.js';
import { type SessionsParts, sessions } from './sessions.js';
import { type ShutdownParts, shutdown } from './shutdown.js';
import type { Gate, Step } from './state.js';
import { type TokensParts, tokens } from './tokens.js';
import { type TransportParts, transport } from './transport.js';
import { type TypingParts, typing } from './typing.js';

/** Every decision of the server, by topic: a server with one of them replaced is a different server. */
export interface Parts {
  readonly handshake: HandshakeParts;
  readonly transport: TransportParts;
  readonly authentication: AuthenticationParts;
  readonly tokens: TokensParts;
  readonly sessions: SessionsParts;
  readonly messages: MessagesParts;
  readonly errors: ErrorsParts;
  readonly closes: ClosesParts;
  readonly limits: LimitsParts;
  readonly heartbeat: HeartbeatParts;
  readonly rates: RatesParts;
  readonly rooms: RoomsParts;
  readonly chat: ChatParts;
  readonly typing: TypingParts;
  readonly direct: DirectParts;
  readonly broadcast: BroadcastParts;
  readonly binary: BinaryParts;
  readonly resume: ResumeParts;
  readonly backpressure: BackpressureParts;
  readonly shutdown: ShutdownParts;
  readonly operations: OperationsParts;
  readonly logs: LogsParts;
  /** What each message passes before its step, by name. */
  readonly gates: Readonly<Record<GateName, Gate>>;
  /** The names of the gates, in the order of precedence. */
  readonly precedence: readonly GateName[];
  /** What each type of request does. */
  readonly steps: Readonly<Record<string, Step>>;
}

/** Some of the decisions, by topic; the rest is as the specification has it. */
export type PartsOverrides = {
  readonly [T in keyof Parts]?: Parts[T] extends readonly unknown[] ? Parts[T] : Partial<Parts[T]>;
};

/** The decisions as the specification has them. */
export const defaultParts: Parts = {
  handshake,
  transport,
  authentication,
  tokens,
  sessions,
  messages,
  errors,
  closes,
  limits,
  heartbeat,
  rates,
  rooms,
  chat,
  typing,
  direct,
  broadcast,
  binary,
  resume,
  backpressure,
  shutdown,
  operations,
  logs,
  gates,
  precedence,
  steps,
};

/** The specification's decisions, with some of them replaced. */
export function withParts(overrides: PartsOverrides): Parts {
  const parts: Record<string, unknown> = { ...defaultParts };
  for (const [topic, part] of Object.entries(overrides))
    parts[topic] = Array.isArray(part) ? part : { ...(parts[topic] as object), ...part };
  return parts as unknown as Parts;
}
