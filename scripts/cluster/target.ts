import type { Overrides } from '#conformance/harness/contract.js';
import { commandLauncher, type Instance } from '#conformance/harness/process.js';
import type { Target } from '#conformance/harness/target.js';
import { type RedisServer, startRedis } from '../../reference-server/fixtures/redis-server.js';
import { type RemoteProxy, startProxies } from './proxies.js';
import type { Delay } from './proxy.js';

/** An instance, and the proxy on its way to the broker. */
export interface Placed {
  readonly instance: Instance;
  readonly proxy: RemoteProxy;
}

/** A broker, and a target of several instances that share it. */
export interface TestCluster {
  readonly redis: RedisServer;
  readonly target: Target;
  /** Every instance that was started, with those that have ended. */
  readonly placed: readonly Placed[];
  end(): Promise<void>;
}

/** How a cluster is made. */
export interface ClusterOptions {
  /** How many instances. */
  readonly instances?: number;
  /** How long each piece of data takes between an instance and the broker, in milliseconds. */
  readonly delay?: Delay;
  readonly env?: Overrides;
  /** What `broker.stop` does to Redis: kill it, so that it loses its data, or stop it where it stands. */
  readonly loss?: 'kill' | 'stall';
}

// From an instance's death to the `leave` of its users: short, for tests, and long enough for a busy machine.
const PRESENCE_TTL_MS = 9_000;

// Two servers, a broker and the runner share the processors: while the broker is lost all of them are busy at once.
const CALM: Overrides = {
  PARLOR_HEARTBEAT_INTERVAL_MS: '1000',
  PARLOR_HEARTBEAT_TIMEOUT_MS: '1000',
};

// With a broker far away everything takes longer, and times have to be told apart all the same.
const FAR: Overrides = {
  PARLOR_MESSAGES_WINDOW_MS: '4000',
  PARLOR_TYPING_TTL_MS: '1500',
};

/** Starts a Redis, and describes a target over it; `command` starts one instance. */
export async function createCluster(
  command: string,
  { instances = 2, delay = [0, 0], env = {}, loss = 'kill' }: ClusterOptions = {},
): Promise<TestCluster> {
  const redis = await startRedis();
  const proxies = startProxies();
  const placed: Placed[] = [];
  const launch = commandLauncher(command);
  const proxyOf = (input: unknown) => {
    const { url } = (input ?? {}) as { url?: string };
    return placed.find(({ instance }) => instance.url === url)?.proxy;
  };
  const revoke = async (input: unknown) => {
    const { value } = input as { value: string };
    const url = new URL('/logout', placed[0]?.instance.url.replace(/^ws/, 'http'));
    await fetch(url, { method: 'POST', headers: { cookie: `session_token=${value}` } });
  };
  return {
    redis,
    placed,
    target: {
      start: async (contract) => {
        const proxy = await proxies.open(redis.port, delay);
        const url = `redis://127.0.0.1:${proxy.port}`;
        const instance = await launch({ ...contract, PARLOR_REDIS_URL: url });
        placed.push({ instance, proxy });
        return instance;
      },
      instances,
      logs: true,
      env: {
        PARLOR_PRESENCE_TTL_MS: String(PRESENCE_TTL_MS),
        ...CALM,
        ...(delay[1] > 0 ? FAR : {}),
        ...env,
      },
      control: {
        // With an address the broker is lost for that instance alone.
        'broker.stop': async (input) => {
          const proxy = proxyOf(input);
          if (proxy) await proxy.refuse();
          else if (loss === 'stall') redis.pause();
          else await redis.kill();
        },
        'broker.start': async (input) => {
          const proxy = proxyOf(input);
          if (proxy) await proxy.heal();
          else if (loss === 'stall') redis.resume();
          else await redis.start();
        },
        'session.revoke': revoke,
      },
    },
    async end() {
      await Promise.all(placed.map(({ instance }) => instance.stop()));
      proxies.end();
      await redis.stop();
    },
  };
}
