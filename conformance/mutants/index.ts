import { authentication } from './authentication.js';
import { backpressure } from './backpressure.js';
import { binary } from './binary.js';
import { broadcast } from './broadcast.js';
import { chat } from './chat.js';
import { closes } from './closes.js';
import { cluster } from './cluster.js';
import { direct } from './direct.js';
import { errors } from './errors.js';
import { handshake } from './handshake.js';
import { heartbeat } from './heartbeat.js';
import { limits } from './limits.js';
import { places } from './limits.places.js';
import { logs } from './logs.js';
import { messages } from './messages.js';
import type { Mutant } from './mutant.js';
import { names } from './names.js';
import { operations } from './operations.js';
import { control } from './rates.control.js';
import { rates } from './rates.js';
import { resume } from './resume.js';
import { rooms } from './rooms.js';
import { presence } from './rooms.presence.js';
import { sessions } from './sessions.js';
import { shutdown } from './shutdown.js';
import { transport } from './transport.js';
import { typing } from './typing.js';
import { timers } from './typing.timers.js';

/** Every faulty server, chapter by chapter. */
export const mutants: readonly Mutant[] = [
  ...authentication,
  ...sessions,
  ...closes,
  ...handshake,
  ...limits,
  ...places,
  ...heartbeat,
  ...backpressure,
  ...shutdown,
  ...rooms,
  ...presence,
  ...names,
  ...chat,
  ...rates,
  ...control,
  ...messages,
  ...errors,
  ...typing,
  ...timers,
  ...direct,
  ...broadcast,
  ...transport,
  ...operations,
  ...binary,
  ...resume,
  ...logs,
  ...cluster,
];
