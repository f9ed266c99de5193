import { Instances } from './instances.js';
import { Interruption } from './interruption.js';
import { Journal } from './journal.js';
import { isObject } from './message.js';
import { Outages } from './outages.js';
import { listens } from './process.js';
import { MOST_AT_DOOR, type StageRun } from './shared.js';
import { Stage } from './stage.js';
import { Stalls } from './stalls.js';
import { Surplus } from './surplus.js';
import type { RunningTarget } from './target.js';
import { Turns } from './turns.js';
import { TargetError, UsageError, Violation } from './verdict.js';
import type { Watchdog } from './watchdog.js';
import type { Welcome } from './welcome.js';

/** What the first connection told. */
export interface Preflight {
  /** What the target announced; undefined when it never welcomed the runner. */
  welcome: Welcome | undefined;
  /** Why connecting is hopeless, when it is. */
  hopeless: Violation | undefined;
}

/**
 * Looks at the target before the first check, to tell a broken set-up from a broken server.
 *
 * @throws TargetError when no check could say anything: nothing listens, it is no WebSocket server, the token is refused
 */
export async function preflight(target: RunningTarget, watchdog: Watchdog): Promise<Preflight> {
  for (const url of target.urls) await reachable(url);
  const run: StageRun = {
    target,
    watchdog,
    outages: new Outages(target.urls.length),
    stalls: new Stalls(),
    doubts: false,
    welcome: undefined,
    seed: 0,
    observed: new Map(),
    surplus: new Surplus(),
    door: new Turns(MOST_AT_DOOR),
    interruption: new Interruption(),
    instances: new Instances(undefined),
    welcomed: () => {},
    hopeless: undefined,
  };
  const stage = new Stage(run, new Journal(), 'pre', true);
  try {
    return target.plain ? await plain(stage) : await parlor(stage, target);
  } finally {
    stage.end();
  }
}

async function reachable(address: string): Promise<void> {
  if (await listens(address)) return;
  throw new TargetError(
    `nothing accepts connections at ${new URL(address).host}: start the server, or correct the address ${address}`,
  );
}

async function plain(stage: Stage): Promise<Preflight> {
  const peer = await opened(stage, {});
  if (peer.response.status !== 101) throw notWebSocket(stage, peer.response.status);
  return { welcome: undefined, hopeless: undefined };
}

async function parlor(stage: Stage, target: RunningTarget): Promise<Preflight> {
  if (!target.minter)
    throw new UsageError(
      'the runner needs to know how the target verifies tokens: give an algorithm and a secret or private key',
    );
  const token = stage.mint('preflight');
  const peer = await opened(stage, { token, subprotocols: ['parlor.v1'] });
  const { status } = peer.response;
  if (status !== 101) {
    const bare = await opened(stage, {});
    if (bare.response.status !== 101) throw notWebSocket(stage, status);
    throw new TargetError(
      `the server answers HTTP ${status} to a handshake with the runner's token, and 101 without it: ${advice(target)}`,
    );
  }
  try {
    const { data } = await peer.receives('welcome');
    return { welcome: usable(data), hopeless: undefined };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { closed } = peer;
    if (
      closed?.by === 'frame' &&
      (closed.code === 1008 || (closed.code >= 4000 && closed.code < 4100))
    )
      throw new TargetError(
        `the server refuses the runner's valid token (${closed.detail}): ${advice(target)}`,
      );
    return { welcome: undefined, hopeless: error };
  }
}

async function opened(stage: Stage, options: Parameters<Stage['open']>[0]) {
  try {
    const peer = await stage.open(options);
    if (peer.response.status === 0)
      throw new TargetError(
        `the server at ${stage.urls[0]} does not speak HTTP: ${peer.response.statusText || peer.closed?.detail || 'it said nothing'}`,
      );
    return peer;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    throw new TargetError(
      `the server at ${stage.urls[0]} accepts TCP connections and then does not answer an opening handshake: ${error.actual}`,
    );
  }
}

function notWebSocket(stage: Stage, status: number): TargetError {
  const path = new URL(stage.urls[0] ?? '').pathname;
  return new TargetError(
    `${stage.urls[0]} is no WebSocket endpoint: it answers an opening handshake with HTTP ${status}; check the path ${path}`,
  );
}

function advice({ minter, command }: RunningTarget): string {
  const config = minter?.config;
  const named = [
    `algorithm ${config?.algorithm}`,
    config?.issuer && `issuer ${config.issuer}`,
    config?.audience && `audience ${config.audience}`,
  ].filter((each) => typeof each === 'string' && each !== '');
  return command === undefined
    ? `compare its settings with the runner's: ${named.join(', ')}, and the secret or key`
    : `a started server has to take its token settings from the variables PARLOR_TOKEN_… (${named.join(', ')})`;
}

// Checks compute with these numbers: what is missing stands as something that no server does.
function usable(data: Record<string, unknown>): Welcome {
  const list = (value: unknown) => (Array.isArray(value) ? value : []);
  const object = (value: unknown) => (isObject(value) ? value : {});
  return {
    ...data,
    features: list(data['features']),
    rates: list(data['rates']).filter(isObject),
    limits: object(data['limits']),
    heartbeat: object(data['heartbeat']),
    auth: object(data['auth']),
    server: object(data['server']),
  } as unknown as Welcome;
}
