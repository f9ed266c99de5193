import { buildBinary, type Message } from '#conformance/harness/message.js';
import type { Line } from './network.js';
import type { Faulty } from './trace.js';

/** A request that a connection still waits for. */
interface Pending {
  id: string | undefined;
  type: string;
  /** Whether an error without `ref` may be its reply. */
  loose: boolean;
}

/** One open connection of a client, as the runner keeps track of it; judging is the judge's. */
export class Live {
  readonly number: number;
  readonly client: number;
  readonly user: string;
  line: Line | undefined;
  opened = false;
  welcomed = false;
  over = false;
  /** Whether we began to end it. */
  ending = false;
  paused = false;
  /** Rooms whose join was acknowledged. */
  readonly rooms = new Set<string>();
  /** Rooms that this connection has sent something to that others may hear. */
  readonly spoke = new Set<string>();
  /** Texts of the chats that came in. */
  readonly heard = new Set<string>();
  readonly pending: Pending[] = [];
  /** Messages for the time after the opening handshake. */
  readonly later: (() => void)[] = [];
  /** How many messages of each connection-scoped bucket were sent. */
  readonly spent = new Map<string, number>();
  /** Protocol errors that it caused. */
  faults = 0;

  constructor(number: number, client: number, user: string) {
    this.number = number;
    this.client = client;
    this.user = user;
  }

  /** Whether it may be written to. */
  get writable(): boolean {
    return !this.over && !this.ending;
  }

  /** Writes a message as one frame. */
  write(message: Message): void {
    const { payload, ...envelope } = message;
    if (payload) this.line?.binary(buildBinary(envelope, payload));
    else this.line?.text(JSON.stringify(envelope));
  }

  /** Takes note of what came in. */
  note(message: Message): void {
    const { type, data, ref, room } = message;
    if (type === 'welcome') this.welcomed = true;
    if (type === 'chat' && typeof data.text === 'string') this.heard.add(data.text);
    if (type === 'ack' || type === 'error' || type === 'pong') {
      const index = this.pending.findIndex((each) =>
        ref !== undefined
          ? each.id === ref
          : type === 'pong'
            ? each.id === undefined && each.type === 'ping'
            : each.loose,
      );
      const [request] = index < 0 ? [] : this.pending.splice(index, 1);
      if (type !== 'ack' || !request || room === undefined) return;
      if (request.type === 'join') this.rooms.add(room);
      if (request.type === 'leave') this.rooms.delete(room);
    }
  }

  /** Takes note of what goes out. */
  expect(message: Message, faulty: Faulty | undefined): void {
    const { id, type, room } = message;
    if (room !== undefined && !faulty && ['chat', 'binary'].includes(type)) this.spoke.add(room);
    if (id !== undefined || type === 'ping' || faulty)
      this.pending.push({
        id,
        type,
        loose: faulty !== undefined && (id === undefined || faulty.loose === true),
      });
  }
}

/** One client of a script. */
export interface Participant {
  index: number;
  user: string;
  broadcaster: boolean;
  instance: number;
  live: Live | undefined;
  /** Where it was when its last connection ended: the last seq of each room that it heard, with its epoch. */
  readonly memory: Map<string, { epoch: string; seq: number }>;
}
