import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Agenda } from './agenda.js';
import { type Clock, systemClock } from './clock.js';
import { aloneInMemory, type BrokerFactory, createCore } from './core.js';
import { authenticate, awaitFirst, credentialOf, refuseUpgrade } from './handshake.js';
import { fallback, type Handler, operationsHandler } from './http.js';
import { Link } from './link.js';
import { createMetrics, Spread } from './metrics.js';
import { Tally } from './operations.js';
import { type Config, resolveOptions, type ServerOptions } from './options.js';
import { Gatherer } from './outbox.js';
import { defaultParts, type Parts, withParts } from './parts.js';
import { perform } from './perform.js';
import { Pulses } from './pulses.js';
import { claimSession, revokeSession } from './sessions.js';
import { drain, type Signal } from './shutdown.js';
import type { Core, Notice } from './state.js';
import { answerUpgrade, createUpgrader, opening, type ParlorSocket, tap } from './upgrade.js';

/** What a server is made of beyond its options. */
export interface Surroundings {
  /** The broker that instances share; one in memory unless said. */
  readonly broker?: BrokerFactory;
  /** HTTP endpoints beside those of the protocol. */
  readonly handlers?: readonly Handler[];
  readonly clock?: Clock;
}

/** A running server. */
export interface ParlorServer {
  readonly config: Config;
  /** Listens, and gives the port; 0 asks for any free one. A server that cannot listen is stopped. */
  listen(port: number, host?: string): Promise<number>;
  /** Tells every connection, lets the grace pass, closes them, and resolves when all is over. */
  drain(reason: Notice['reason']): Promise<void>;
  /** Ends everything at once, without a word. */
  stop(): Promise<void>;
  /** What a signal to the process is to do. */
  onSignal(signal: Signal): ReturnType<Parts['shutdown']['onSignal']>;
  /** The exit status of a process whose server was drained. */
  readonly status: number;
  /** Revokes a session by its cookie's value; false when there is none. */
  revokeSession(value: string): Promise<boolean>;
}

const SWEEP_MS = 1_000;

/** Makes a server that does not listen yet. */
export async function createServer(
  options: ServerOptions & Surroundings = {},
): Promise<ParlorServer> {
  const config = resolveOptions(options);
  const parts = options.parts ? withParts(options.parts) : defaultParts;
  const now = options.clock ?? systemClock;
  const agenda = new Agenda(() => now().steady);
  const tally = new Tally(now().steady);
  const held = new Spread();
  const out = new Gatherer(parts.transport.outbound !== null, (ms) => held.add(ms));
  const links = new Set<Link>();
  const sockets = new Set<Socket>();

  const core = await createCore(config, parts, {
    out,
    counters: tally,
    log: options.log ?? null,
    now,
    agenda,
    sessions: options.sessions ?? null,
    makeBroker: options.broker ?? aloneInMemory,
  });

  const pulses = new Pulses(core, now);
  const begin = (link: Link) => pulses.begin(link);
  const delay = monitorEventLoopDelay();
  delay.enable();
  const metrics = createMetrics(core, tally, held, () => delay.mean / 1e9 || 0);
  const sweeper = setInterval(() => core.broker.sweep(now()), SWEEP_MS);
  const handlers = [...(options.handlers ?? []), operationsHandler(core, tally, metrics)];

  const http = createHttpServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (!handlers.some((handle) => handle(request, response, path))) fallback(core, response, path);
  });
  const upgrader = createUpgrader(config, parts, (request) => selected(parts, request));
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  http.on('upgrade', (request, duplex, head) => {
    const socket = duplex as Socket;
    socket.on('error', destroy);
    const asked = opening(request);
    const refused = refuseUpgrade(core, asked);
    if (refused) return answerUpgrade(socket, refused);
    tap(socket, request, parts.transport);
    const accept = () =>
      upgrader.handleUpgrade(request, socket, head, (ws) => {
        const link = new Link(core, out, ws, socket, begin);
        connect(ws, link, links, pulses);
        const credential = credentialOf(core, asked);
        if (credential.by === 'session') claimSession(core, link.connection, credential.value);
        if (credential.by !== 'message') return link.decide(authenticate(core, credential, now()));
        link.awaitFirst();
        awaitFirst(core, link.connection);
      });
    if (parts.handshake.completesFirst) return accept();
    void preJudge(core, asked, socket, accept);
  });

  const close = async () => {
    pulses.stop();
    agenda.close();
    clearInterval(sweeper);
    delay.disable();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      http.close(() => resolve());
    });
    await core.broker.close();
  };

  return {
    config,
    onSignal: (signal) => parts.shutdown.onSignal(signal, core.draining !== null),
    get status() {
      return parts.shutdown.status();
    },
    async listen(port, host = '127.0.0.1') {
      try {
        return await listen(http, port, host);
      } catch (error) {
        // What does not listen has nothing to keep its timers for.
        await close();
        throw error;
      }
    },
    async drain(reason) {
      drain(core, reason, Math.random);
      await settled(core, links);
      await close();
    },
    stop: close,
    revokeSession: async (value) => revokeSession(core, value),
  };
}

// No closure: it would keep the request alive for as long as the connection.
function destroy(this: Socket): void {
  this.destroy();
}

function selected(parts: Parts, request: IncomingMessage): string | null {
  const selection = parts.handshake.subprotocol(opening(request).offers);
  return 'select' in selection ? selection.select : null;
}

/** Judges before the handshake is completed, as a server does that answers refusals over HTTP. */
async function preJudge(
  core: Core,
  asked: ReturnType<typeof opening>,
  socket: Socket,
  accept: () => void,
): Promise<void> {
  const credential = credentialOf(core, asked);
  const verdict =
    credential.by === 'message' ? null : await authenticate(core, credential, core.now());
  if (verdict && 'closing' in verdict)
    answerUpgrade(socket, { status: 403, detail: verdict.closing.reason });
  else accept();
}

/** Wires the library's events to the link. */
function connect(ws: ParlorSocket, link: Link, links: Set<Link>, pulses: Pulses): void {
  ws.link = link;
  links.add(link);
  ws.on('message', (data, binary) => link.message(data as Buffer, binary));
  ws.on('ping', (payload) => link.pinged(payload));
  ws.on('pong', () => link.sign('pong'));
  // The library has already closed with the right code; there is nothing to add.
  ws.on('error', () => undefined);
  ws.on('close', (code, reason) => {
    links.delete(link);
    pulses.end(link);
    link.ended({ code, reason: reason.toString() });
  });
}

function listen(http: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.off('error', reject);
      resolve((http.address() as AddressInfo).port);
    });
  });
}

/** Resolves when every connection has closed; peers that do not answer the Close frame are cut. */
function settled(core: Core, links: Set<Link>): Promise<void> {
  const { graceMs } = core.config;
  const { shutdown } = core.parts;
  return new Promise((resolve) => {
    const done = () => {
      clearInterval(poll);
      resolve();
    };
    const poll = setInterval(() => {
      if (links.size === 0) done();
    }, 10);
    core.agenda.in(graceMs, () => {
      for (const connection of [...core.awaiting])
        perform(core, connection, [{ do: 'close', closing: shutdown.late(core) }]);
    });
    core.agenda.in(graceMs + shutdown.patienceMs, () => {
      for (const link of links) link.terminate();
      done();
    });
  });
}
