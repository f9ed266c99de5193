// Declared as methods, so that the WebSocket of a browser and that of the package `ws` both fit.
interface SocketHandlers {
  onopen(event: unknown): void;
  onmessage(event: { readonly data: unknown }): void;
  onclose(event: { readonly code: number; readonly reason: string }): void;
  onerror(event: unknown): void;
}

/** The part of a browser's WebSocket that the client uses. */
export interface Socket {
  binaryType: string;
  onopen: SocketHandlers['onopen'] | null;
  onmessage: SocketHandlers['onmessage'] | null;
  onclose: SocketHandlers['onclose'] | null;
  onerror: SocketHandlers['onerror'] | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code: number, reason?: string): void;
}

/** A constructor of sockets, such as `WebSocket`. */
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

/** A clock that does not jump, and its timers; in milliseconds. */
export interface Clock {
  now(): number;
  /** Runs something once, never early; the answer cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}

// Timers take a signed 32-bit number; a longer wait is made of several.
const LONGEST_TIMER = 2 ** 31 - 1;

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const due = performance.now() + milliseconds;
    const arm = (): ReturnType<typeof setTimeout> =>
      setTimeout(
        () => {
          if (performance.now() >= due) run();
          else timer = arm();
        },
        Math.min(Math.max(0, Math.ceil(due - performance.now())), LONGEST_TIMER),
      );
    let timer = arm();
    return () => clearTimeout(timer);
  },
};
