import { enter, leave, who } from './lobby.js';
import { replayed } from './resume.js';
import type { Closing, Connection, Core, Effect } from './state.js';
import { farewell } from './typing.js';

/** Carries out what a step decided for its own connection, in order; nothing follows a close. */
export function perform(core: Core, connection: Connection, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (connection.phase === 'ended') return;
    switch (effect.do) {
      case 'send':
        connection.link.send(core.parts.messages.encode(core, effect.message, effect.payload));
        if (effect.message.type === 'error') noteError(core, connection, effect.message.data);
        break;
      case 'replay':
        connection.link.replay(replayed(core, effect.events));
        break;
      case 'enter':
        enter(core, connection, effect.room, effect.rev);
        break;
      case 'leave':
        leave(core, connection, effect.room);
        break;
      case 'close': {
        const closing = core.parts.closes.send(effect.closing, core, connection);
        end(core, connection, closing);
        connection.link.close(closing);
      }
    }
  }
}

function noteError(core: Core, connection: Connection, data: Readonly<Record<string, unknown>>) {
  const code = String(data['code']);
  core.counters.error(code);
  core.log?.(core.parts.logs.error(core, connection, code));
}

/** Takes a connection out of everything it was in: its rooms, its user, its alarms. */
export function end(core: Core, connection: Connection, closing: Closing): void {
  if (connection.phase === 'ended') return;
  // What it was owed leaves before its rooms forget it.
  connection.link.flush();
  connection.phase = 'ended';
  core.awaiting.delete(connection);
  for (const alarm of connection.alarms) core.agenda.cancel(alarm);
  connection.alarms = [];
  core.counters.close(closing.code);
  core.log?.(core.parts.logs.disconnect(core, connection, closing));
  if (connection.welcomed) vacate(core, connection);
}

function vacate(core: Core, connection: Connection): void {
  const at = core.now();
  const { user } = connection.grant;
  core.connections.delete(connection.id);
  const others = core.users.get(user);
  others?.delete(connection);
  if (others?.size === 0) core.users.delete(user);
  const partings = [...core.parts.rooms.vacated(connection)].map((room) => {
    const parting = { room, farewell: farewell(core, connection, room, at) };
    leave(core, connection, room);
    return parting;
  });
  const left = core.broker.exit(who(connection), partings, 'disconnected', at);
  // The broker forgets whom an instance can no longer take back by itself; here it is only told.
  if (left instanceof Promise)
    left.catch((error: unknown) => core.log?.({ event: 'exit_lost', reason: String(error) }));
}
