import type { Overrides } from '#conformance/harness/contract.js';
import { commandLauncher, type Instance } from '#conformance/harness/process.js';
import type { Target } from '#conformance/harness/target.js';
import { type RedisServer, startRedis } from '../../reference-server/fixtures/redis-server.js';
import { type BrokerProxy, type Delay, startProxy } from './proxy.js';

/** A broker, a proxy on its link, and the target that runs behind them. */
export interface TestCluster {
  readonly redis: RedisServer;
  readonly proxy: BrokerProxy | null;
  readonly target: Target;
  /** Every instance that was started, with those that have ended. */
  readonly instances: readonly Instance[];
  end(): Promise<void>;
}

/** The time from an instance's death to the `leave` of its users: short, for tests, and long enough for a busy machine. */
const PRESENCE_TTL_MS = 9_000;

/** Starts a Redis, and describes a target of several instances over it; `command` starts one of them. */
export async function createCluster(
  command: string,
  {
    instances = 2,
    delay,
    env = {},
  }: { instances?: number; delay?: Delay | undefined; env?: Overrides } = {},
): Promise<TestCluster> {
  const redis = await startRedis();
  const proxy = delay ? await startProxy(redis.port, delay) : null;
  const started: Instance[] = [];
  const launch = commandLauncher(command);
  return {
    redis,
    proxy,
    instances: started,
    target: {
      start: async (contract) => {
        const instance = await launch(contract);
        started.push(instance);
        return instance;
      },
      instances,
      env: {
        PARLOR_REDIS_URL: `redis://127.0.0.1:${proxy?.port ?? redis.port}`,
        PARLOR_PRESENCE_TTL_MS: String(PRESENCE_TTL_MS),
        ...env,
      },
      control: {
        'broker.stop': async () => redis.kill(),
        'broker.start': async () => redis.start(),
      },
    },
    async end() {
      await Promise.all(started.map((instance) => instance.stop()));
      await proxy?.close();
      await redis.stop();
    },
  };
}
