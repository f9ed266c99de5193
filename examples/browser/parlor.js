// A Parlor client for the browser, to be read: it survives restarts, and stops where it was refused. The whole one, which
// also fetches what was missed, is parlor/client.
const STABLE_MS = 10_000;
const LONGEST_QUEUE = 100;

export class Parlor {
  /** Called with every message of the server. */
  onmessage = () => {};
  /** Called once it stops for good: with 1000, or with a code from 4000 to 4099, after which trying again is of no use. */
  onend = () => {};

  #attempt = 0;
  #queue = [];
  #rooms = new Set();
  #ready = false;
  #hurried = false; // reconnected at once, without having been stable since
  #fresh = false; // the token was fetched because the last had expired

  /** `token` is an async function, so that a new one can be had when the old one has expired. */
  constructor(url, token) {
    this.url = url;
    this.token = token;
    this.#connect();
  }

  join(room) {
    this.#rooms.add(room);
    if (this.#ready) this.#send({ type: 'join', id: crypto.randomUUID(), room });
  }

  leave(room) {
    this.#rooms.delete(room);
    if (this.#ready) this.#send({ type: 'leave', id: crypto.randomUUID(), room });
  }

  /** Sends a text, or keeps it until there is a connection; false where too many wait already. */
  chat(room, text) {
    const message = { type: 'chat', id: crypto.randomUUID(), room, data: { text } };
    if (this.#ready) this.#send(message);
    else if (this.#queue.length < LONGEST_QUEUE) this.#queue.push(message);
    else return false;
    return true;
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.close(1000);
  }

  async #connect() {
    const url = new URL(this.url);
    try {
      url.searchParams.set('token', await this.token());
    } catch {
      return this.#later(0); // the source of tokens is down: no reason to give up
    }
    if (this.closed) return;
    this.notice = undefined;
    const socket = new WebSocket(url, ['parlor.v1', 'parlor.unsupported']);
    this.socket = socket;
    // Not onopen: only `welcome` says that the token was taken.
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  #receive(text) {
    this.#listen();
    const message = parse(text);
    if (message?.type === 'welcome') this.#welcomed(message.data);
    if (message?.type === 'server_shutdown') this.notice = message.data;
    if (message) this.onmessage(message);
  }

  #welcomed(numbers) {
    this.heartbeat = numbers.heartbeat;
    this.#ready = true;
    this.#fresh = false;
    this.stable = setTimeout(() => {
      this.#attempt = 0;
      this.#hurried = false;
    }, STABLE_MS);
    for (const room of this.#rooms) this.#send({ type: 'join', id: crypto.randomUUID(), room });
    for (const message of this.#queue.splice(0)) this.#send(message);
    this.#listen();
  }

  // A page cannot see Pings, so it asks after a silence, and gives up on a server that does not answer.
  #listen() {
    clearTimeout(this.silence);
    if (!this.heartbeat) return;
    this.silence = setTimeout(() => {
      this.#send({ type: 'ping', id: crypto.randomUUID() });
      this.silence = setTimeout(() => this.#closed(1006, ''), this.heartbeat.timeout_ms);
    }, this.heartbeat.interval_ms);
  }

  #closed(code, reason) {
    const { socket } = this;
    socket.onmessage = socket.onclose = null;
    socket.close();
    clearTimeout(this.silence);
    clearTimeout(this.stable);
    this.#ready = false;
    this.heartbeat = undefined;
    if (code === 4001 && reason === 'token_expired' && !this.#fresh) {
      this.#fresh = true;
      return this.#connect();
    }
    const refused = code === 1007 || (code >= 4000 && code <= 4099);
    if (this.closed || code === 1000 || refused || this.notice?.reconnect === false)
      return this.onend(code, reason);
    if (code >= 4200 && code <= 4299 && !this.#hurried) {
      this.#hurried = true;
      return this.#connect();
    }
    const told = Number(/;retry_after_ms=(\d+)/.exec(reason)?.[1] ?? 0);
    this.#later(Math.max(told, this.notice?.retry_after_ms ?? 0));
  }

  #later(told) {
    const bound = Math.min(30_000, 5_000 * 2 ** this.#attempt);
    this.#attempt += 1;
    // Drawn anew each time, or after a restart all clients come back in the same second.
    this.retry = setTimeout(() => this.#connect(), told || Math.random() * bound);
  }

  #send(message) {
    this.socket.send(JSON.stringify(message));
  }
}

/** The message in a text; undefined for what is none, which is ignored. */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
