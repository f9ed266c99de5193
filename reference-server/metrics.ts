import { Counter, Gauge, Registry } from 'prom-client';
import type { Tally } from './operations.js';
import type { Core } from './state.js';

/** Prometheus' view of a server; counts are read when they are asked for, so that messages pay nothing. */
export interface Metrics {
  readonly contentType: string;
  /** The exposition. */
  text(): Promise<string>;
}

const BOUNDS_MS = [0.1, 0.5, 1, 5, 10, 50, 100, 500, 1_000];

/** A histogram of milliseconds; prom-client's own costs a microsecond for each observation. */
export class Spread {
  /** How many observations were at most so long, by upper bound in seconds. */
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1);
  #sum = 0;

  /** Enters one observation. */
  add(ms: number): void {
    let slot = 0;
    while (slot < BOUNDS_MS.length && ms > (BOUNDS_MS[slot] ?? 0)) slot += 1;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#sum += ms;
  }

  /** The exposition under a name, in seconds. */
  text(name: string, help: string): string {
    let total = 0;
    const buckets = [...BOUNDS_MS, Number.POSITIVE_INFINITY].map((bound, slot) => {
      total += this.#counts[slot] ?? 0;
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound / 1_000);
      return `${name}_bucket{le="${le}"} ${total}`;
    });
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_sum ${this.#sum / 1_000}`,
      `${name}_count ${total}`,
      '',
    ].join('\n');
  }
}

/** Sets up the metrics of one server; `lag` gives the event loop's delay in seconds. */
export function createMetrics(core: Core, tally: Tally, held: Spread, lag: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  const counter = (name: string, help: string, label: string, counts: Map<unknown, number>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of counts) this.inc({ [label]: String(value) }, count);
      },
    });
  gauge('parlor_connections', 'Welcomed connections.', () => core.connections.size);
  gauge('parlor_rooms', 'Rooms with members on this instance.', () => core.rooms.size);
  gauge('parlor_queue_bytes', 'Bytes waiting to be read by peers.', () => {
    let bytes = 0;
    for (const { link } of core.connections.values()) bytes += link.queued();
    return bytes;
  });
  gauge('parlor_event_loop_delay_seconds', 'Mean delay of the event loop.', lag);
  gauge('parlor_accepted_messages', 'Accepted messages of the bucket messages.', () => tally.total);
  counter('parlor_messages_total', 'Requests carried out.', 'type', tally.messages);
  counter('parlor_errors_total', 'Errors sent.', 'code', tally.errors);
  counter('parlor_closes_total', 'Connections ended.', 'code', tally.closes);
  return {
    contentType: registry.contentType,
    text: async () =>
      (await registry.metrics()) +
      held.text('parlor_delivery_delay_seconds', 'Time from acceptance to writing, by turns.'),
  };
}
