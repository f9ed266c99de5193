export {
  type CloseAction,
  type CloseCode,
  type CloseReason,
  closeRanges,
  closes,
} from './closes.js';
export { type ErrorCode, errors } from './errors.js';
export {
  type AckedType,
  type BodyType,
  type ClientType,
  type MessageProfile,
  messages,
  type SchemaName,
  type ServerType,
} from './registry.js';
export type {
  AckMessage,
  Body,
  ClientMessage,
  Limits,
  Rate,
  ServerMessage,
  Since,
  Welcome,
} from './types.js';
export {
  type Fault,
  validateAck,
  validateBody,
  validateClient,
  validateEnvelope,
  validateServer,
} from './validate.js';
