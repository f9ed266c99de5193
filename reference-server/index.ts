export type { Broker, Listener } from './broker/broker.js';
export { BackendUnavailable } from './broker/broker.js';
export { MemoryBroker } from './broker/memory.js';
export type { BrokerFactory } from './core.js';
export { OptionError, type ServerOptions } from './options.js';
export { defaultParts, type Parts, type PartsOverrides } from './parts.js';
export { serve } from './serve.js';
export {
  createServer,
  type ParlorServer,
  type Surroundings,
} from './server.js';
export { MemorySessions, type Session, type SessionStore } from './sessions.js';
