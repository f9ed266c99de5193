import net from 'node:net';

/** A proxy on the way to a broker: it delays what passes, and can cut, stall or refuse. */
export interface BrokerProxy {
  readonly port: number;
  /** Resets every connection. */
  cut(): void;
  /** Lets nothing pass, and keeps the connections. */
  stall(): void;
  /** Resets every connection that is there or comes. */
  refuse(): void;
  /** Lets everything pass again. */
  heal(): void;
  close(): Promise<void>;
}

/** From and to, in milliseconds. */
export type Delay = readonly [least: number, most: number];

/** Puts a proxy before a port of the loopback; each piece of data takes a random time, and none overtakes another. */
export async function startProxy(target: number, [least, most]: Delay): Promise<BrokerProxy> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let mode: 'pass' | 'stall' | 'refuse' = 'pass';

  const server = net.createServer({ noDelay: true }, (near) => {
    if (mode === 'refuse') {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect({ port: target, host: '127.0.0.1', noDelay: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    // An end of one side is an end of both; which one began it does not matter here.
    for (const socket of pair) socket.on('error', end).on('close', end);
    carry(near, far);
    carry(far, near);
    if (mode === 'stall') for (const socket of pair) socket.pause();
  });

  const carry = (from: net.Socket, to: net.Socket) => {
    // One queue for each way: timers of their own would overtake each other by the rounding of their times.
    const queue: { data: Buffer; due: number }[] = [];
    let last = 0;
    const pass = () => {
      const now = performance.now();
      while (queue[0] && queue[0].due <= now && !to.destroyed) to.write(queue.shift()?.data ?? '');
      if (queue[0] && !to.destroyed) setTimeout(pass, Math.max(1, queue[0].due - now));
    };
    from.on('data', (data) => {
      last = Math.max(last, performance.now() + least + Math.random() * (most - least));
      queue.push({ data, due: last });
      if (queue.length === 1) pass();
    });
  };
  const cut = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    stall() {
      mode = 'stall';
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    refuse() {
      mode = 'refuse';
      cut();
    },
    heal() {
      mode = 'pass';
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
