export { type Client, connect } from './client.js';
export type { ClientEvents, EventName, Listener, Status } from './events.js';
export type { Incoming } from './frames.js';
export type { BinaryOptions, ClientOptions, CustomOptions, TextOptions } from './options.js';
export {
  type CustomOutcome,
  type MembersOutcome,
  type Outcome,
  QueueFull,
  type Unaccepted,
} from './queue.js';
export type { JoinOutcome } from './rooms.js';
export type { Clock, Socket, SocketConstructor } from './surroundings.js';
export type { Missing } from './track.js';
