import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Delay } from './proxy.js';

/** A proxy that runs in a process of its own. */
export interface RemoteProxy {
  readonly port: number;
  /** Resets every connection. */
  cut(): Promise<void>;
  /** Lets nothing pass, and keeps the connections. */
  stall(): Promise<void>;
  /** Resets every connection that is there or comes. */
  refuse(): Promise<void>;
  /** Lets everything pass again. */
  heal(): Promise<void>;
}

/** What a proxy is told to do. */
export interface Order {
  readonly id: number;
  readonly do: 'open' | 'cut' | 'stall' | 'refuse' | 'heal';
  readonly port: number;
  readonly delay?: Delay;
}

/** A process that holds proxies: delays that it adds are not those of a busy runner. */
export interface Proxies {
  /** Opens a proxy before a port of the loopback. */
  open(target: number, delay: Delay): Promise<RemoteProxy>;
  end(): void;
}

/** Starts the process. */
export function startProxies(): Proxies {
  const child = fork(fileURLToPath(new URL('./proxies.main.ts', import.meta.url)), {
    execArgv: ['--conditions=source', '--import', 'tsx'],
  });
  const waiting = new Map<number, (port: number) => void>();
  child.on('message', (message) => {
    const { id, port } = message as { id: number; port: number };
    waiting.get(id)?.(port);
    waiting.delete(id);
  });
  let ids = 0;
  const order = (what: Omit<Order, 'id'>): Promise<number> => {
    ids += 1;
    const id = ids;
    return new Promise((resolve, reject) => {
      waiting.set(id, resolve);
      child.once('exit', () => reject(new Error('the process of the proxies has ended')));
      child.send({ id, ...what });
    });
  };
  child.setMaxListeners(0);
  return {
    async open(target, delay) {
      const port = await order({ do: 'open', port: target, delay });
      const tell = (what: Order['do']) => async () => {
        await order({ do: what, port });
      };
      return {
        port,
        cut: tell('cut'),
        stall: tell('stall'),
        refuse: tell('refuse'),
        heal: tell('heal'),
      };
    },
    end: () => void child.kill(),
  };
}
