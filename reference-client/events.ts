import type { ServerMessage, Welcome } from '#schemas/types.js';
import type { Incoming } from './frames.js';
import type { Missing } from './track.js';

/** Where a client stands: it has a connection, tries to get one, waits before it tries, or has stopped. */
export type Status = 'connecting' | 'open' | 'waiting' | 'closed';

/** What a client tells the application, by the name of the event. */
export interface ClientEvents {
  status: Status;
  /** A connection is usable; the numbers that the server announced. */
  welcome: Welcome;
  chat: ServerMessage<'chat'>;
  /** A binary message: its header, and the bytes. */
  binary: ServerMessage<'binary'> & { readonly payload: Uint8Array };
  join: ServerMessage<'join'>;
  leave: ServerMessage<'leave'>;
  typing: ServerMessage<'typing'>;
  direct: ServerMessage<'direct'>;
  broadcast: ServerMessage<'broadcast'>;
  /** A message of the application's own types, which begin with `x.`. */
  custom: Incoming;
  /** A room was entered, the first time or again; who is there. */
  joined: { readonly room: string; readonly members: readonly string[]; readonly count: number };
  /** A room is not entered, or was lost, and is not tried again. */
  refused: { readonly room: string; readonly code: string; readonly message: string };
  /** Messages of a room, by their `seq`, that may be lost for this client. */
  missing: Missing & { readonly room: string };
  /** The server is about to close the connection. */
  shutdown: ServerMessage<'server_shutdown'>['data'];
  /** A connection ended, or could not be had; the next attempt follows after so many milliseconds, or none. */
  disconnected: { readonly code: number; readonly reason: string; readonly wait: number | null };
  /** The client has stopped for good. */
  end: { readonly code: number; readonly reason: string };
  /** Something failed that belongs to no request: the source of tokens, or an `error` without `ref`. */
  error: { readonly code: string; readonly message: string; readonly cause?: unknown };
}

/** The names of the events. */
export type EventName = keyof ClientEvents;

/** Hears one kind of event. */
export type Listener<K extends EventName> = (event: ClientEvents[K]) => void;

/** Tells listeners what happened. */
export class Emitter {
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>();

  /** Adds a listener; the answer removes it. */
  on<K extends EventName>(name: K, listener: Listener<K>): () => void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener));
    return () => {
      all.delete(listener);
    };
  }

  /** Calls the listeners of one event. */
  emit<K extends EventName>(name: K, event: ClientEvents[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<K>)(event);
      } catch (error) {
        // The application's fault is shown as one, and does not end the client's work.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
