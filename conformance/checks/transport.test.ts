import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { CheckEnd, RunEnd } from '#conformance/harness/events.js';
import { runConformance } from '#conformance/harness/run.js';
import { transport } from './transport.js';

const echo = (socket: WebSocket) =>
  socket.on('message', (data, binary) => socket.send(data, { binary }));

// A server that knows nothing of Parlor, judged by the whole profile.
async function judged(
  settings: ServerOptions,
  serve: (socket: WebSocket) => unknown = echo,
): Promise<{ end: RunEnd; broken: string[]; undecided: string[] }> {
  const server = new WebSocketServer({ ...settings, port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    serve(socket);
  });
  const { port } = server.address() as AddressInfo;
  const ends: CheckEnd[] = [];
  try {
    const end = await runConformance(
      { url: `ws://127.0.0.1:${port}`, plain: true },
      {
        checks: transport,
        patienceMs: 3_000,
        doubts: false,
        report: (event) => void (event.event === 'check_end' && ends.push(event)),
      },
    );
    const named = (...verdicts: string[]) => [
      ...new Set(ends.filter((each) => verdicts.includes(each.verdict)).map((each) => each.rule)),
    ];
    return {
      end,
      broken: named('fail', 'warning'),
      undecided: named('inconclusive', 'vacuous', 'not_exercised'),
    };
  } finally {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('the checks of the transport, on servers that know nothing of Parlor', () => {
  it('are all passed by an echo server', async () => {
    const { end, broken, undecided } = await judged({ perMessageDeflate: true });
    expect({ broken, undecided }).toEqual({ broken: [], undecided: [] });
    expect(end.exit_code).toBe(0);
  });

  it('are passed by a server that never says anything, and has no compression', async () => {
    const { end, broken, undecided } = await judged({}, () => undefined);
    expect(broken).toEqual([]);
    expect(undecided.sort()).toEqual([
      'transport-deflate-fragments-accepted',
      'transport-deflate-messages-accepted',
      'transport-deflate-plain-message-accepted',
      'transport-deflate-response-valid',
      'transport-deflate-window-honoured',
    ]);
    expect(end.exit_code).toBe(0);
  });

  it('are passed by a server that greets and tells the time', async () => {
    const { end, broken } = await judged({}, (socket) => {
      socket.send('hello');
      const timer = setInterval(() => socket.send(String(Date.now())), 50);
      socket.on('close', () => clearInterval(timer));
      echo(socket);
    });
    expect(broken).toEqual([]);
    expect(end.exit_code).toBe(0);
  });

  it.each<[string, ServerOptions, string[]]>([
    [
      'UTF-8 validation off',
      { skipUTF8Validation: true },
      [
        'transport-invalid-utf8-refused',
        'transport-truncated-utf8-refused',
        'transport-close-reason-bad-utf8-refused',
        'transport-server-frames-well-formed',
      ],
    ],
    [
      'Pongs off',
      { autoPong: false },
      [
        'transport-server-frames-well-formed',
        'transport-ping-empty-answered',
        'transport-ping-payload-echoed',
        'transport-ping-payload-not-text',
        'transport-ping-between-fragments-answered',
        'transport-coalesced-frames-accepted',
      ],
    ],
    ['no limit for fragments', { maxFragments: 0 }, ['transport-fragments-bounded']],
    ['a limit of eight fragments', { maxFragments: 8 }, ['transport-fragments-reassembled']],
  ])('name what is wrong with %s', async (_, settings, rules) => {
    const { broken } = await judged(settings);
    expect(broken.sort()).toEqual([...rules].sort());
  });
});
