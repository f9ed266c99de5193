import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Tally } from './operations.js';
import type { Core } from './state.js';

/** Prometheus' view of a server; counts are read when they are asked for, so that messages pay nothing. */
export interface Metrics {
  readonly contentType: string;
  /** The exposition. */
  text(): Promise<string>;
  /** Enters how long a turn's first frame was held back before it was written, in seconds. */
  delivered(seconds: number): void;
}

/** Sets up the metrics of one server; `lag` gives the event loop's delay in seconds. */
export function createMetrics(core: Core, tally: Tally, lag: () => number): Metrics {
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
  const counter = (name: string, help: string, label: string, counts: () => Map<unknown, number>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of counts()) this.inc({ [label]: String(value) }, count);
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
  counter('parlor_messages_total', 'Requests carried out.', 'type', () => tally.messages);
  counter('parlor_errors_total', 'Errors sent.', 'code', () => tally.errors);
  counter('parlor_closes_total', 'Connections ended.', 'code', () => tally.closes);
  const delay = new Histogram({
    name: 'parlor_delivery_delay_seconds',
    help: 'Time from the first frame of a turn to its writing.',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
    registers,
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    delivered: (seconds) => delay.observe(seconds),
  };
}
