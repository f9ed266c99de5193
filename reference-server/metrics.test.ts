import { afterEach, expect, it } from 'vitest';
import { Client, connect, type Started, start } from './fixtures/client.js';

let started: Started | null = null;

afterEach(async () => {
  await started?.server.stop();
  started = null;
});

/** The samples of an exposition: the value by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}

it("tells in Prometheus' format what the server did", async () => {
  started = await start();
  const { port } = started;
  const ann = await connect(port, 'ann');
  const bob = await connect(port, 'bob');
  for (const client of [ann, bob]) await client.request({ type: 'join', id: 'j', room: 'den' });
  for (const text of ['one', 'two'])
    await ann.request({ type: 'chat', id: text, room: 'den', data: { text } });
  await ann.request({ type: 'chat', id: 'x', room: 'elsewhere', data: { text: 'three' } });
  expect(await new Client(port, '?token=none').ended).toMatchObject({ code: 4001 });
  await bob.until(({ data }) => (data as { text?: string }).text === 'two');

  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const text = await answer.text();
  const found = samples(text);
  expect(Object.fromEntries(found)).toMatchObject({
    parlor_connections: 2,
    parlor_rooms: 1,
    parlor_accepted_messages: 2,
    'parlor_messages_total{type="join"}': 2,
    'parlor_messages_total{type="chat"}': 2,
    'parlor_errors_total{code="not_in_room"}': 1,
    'parlor_closes_total{code="4001"}': 1,
    parlor_queue_bytes: 0,
  });
  expect(found.get('parlor_event_loop_delay_seconds')).toBeGreaterThanOrEqual(0);

  const name = 'parlor_delivery_delay_seconds';
  const counts = [...found].filter(([sample]) => sample.startsWith(`${name}_bucket`));
  expect(counts.at(-1)?.[0]).toBe(`${name}_bucket{le="+Inf"}`);
  expect(counts.at(-1)?.[1]).toBe(found.get(`${name}_count`));
  expect(counts.map(([, count]) => count)).toEqual(
    counts.map(([, count]) => count).toSorted((a, b) => a - b),
  );
  expect(found.get(`${name}_count`)).toBeGreaterThan(0);
  for (const metric of new Set(
    [...found.keys()].map((it) => it.replace(/[{].*|_(bucket|sum|count)$/g, '')),
  ))
    expect(text).toMatch(new RegExp(`^# TYPE ${metric.replace(/_bucket$/, '')} `, 'm'));
  expect(text).not.toMatch(/ann|bob|den/);
});
