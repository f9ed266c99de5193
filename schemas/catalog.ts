import type { TSchema } from 'typebox';
import { applicationAck, applicationEvent, applicationRequest } from './applications.js';
import { authAck, authExpiring, authRequest } from './authentication.js';
import { binaryAck, binaryEvent, binaryRequest } from './binary.js';
import { broadcastAck, broadcastEvent, broadcastRequest } from './broadcast.js';
import { chatAck, chatEvent, chatRequest } from './chat.js';
import { directAck, directEvent, directRequest } from './direct.js';
import { welcome } from './handshake.js';
import { errorEvent, pingRequest, pongEvent } from './messages.js';
import { health, problem, stats } from './operations.js';
import type { SchemaName } from './registry.js';
import { gapEvent } from './resume.js';
import {
  joinAck,
  joinEvent,
  joinRequest,
  leaveAck,
  leaveEvent,
  leaveRequest,
  membersAck,
  membersRequest,
} from './rooms.js';
import { serverShutdown } from './shutdown.js';
import { typingAck, typingEvent, typingRequest } from './typing.js';

/** The schema of every row of the registry. It imports TypeBox: for emitting and for types, not for servers. */
export const catalog = {
  'welcome.server': welcome,
  'join.client': joinRequest,
  'ack.join.server': joinAck,
  'join.server': joinEvent,
  'leave.client': leaveRequest,
  'ack.leave.server': leaveAck,
  'leave.server': leaveEvent,
  'members.client': membersRequest,
  'ack.members.server': membersAck,
  'chat.client': chatRequest,
  'ack.chat.server': chatAck,
  'chat.server': chatEvent,
  'typing.client': typingRequest,
  'ack.typing.server': typingAck,
  'typing.server': typingEvent,
  'ping.client': pingRequest,
  'pong.server': pongEvent,
  'error.server': errorEvent,
  'auth.client': authRequest,
  'ack.auth.server': authAck,
  'auth_expiring.server': authExpiring,
  'direct.client': directRequest,
  'ack.direct.server': directAck,
  'direct.server': directEvent,
  'broadcast.client': broadcastRequest,
  'ack.broadcast.server': broadcastAck,
  'broadcast.server': broadcastEvent,
  'binary.client': binaryRequest,
  'ack.binary.server': binaryAck,
  'binary.server': binaryEvent,
  'gap.server': gapEvent,
  'server_shutdown.server': serverShutdown,
  'x.client': applicationRequest,
  'ack.x.server': applicationAck,
  'x.server': applicationEvent,
  'stats.http': stats,
  'health.http': health,
  'problem.http': problem,
} as const satisfies Record<SchemaName, TSchema>;
