import { after } from '#server/maybe.js';
import type { Parts } from '#server/parts.js';
import type { Connection, Core, Effect, Incoming, Step } from '#server/state.js';
import type { Mutant } from './mutant.js';

/** Does something else with what a step wants done. */
type Tamper = (
  effects: readonly Effect[],
  core: Core,
  connection: Connection,
  incoming: Incoming,
) => readonly Effect[] | Promise<readonly Effect[]>;

/** The server with one step whose effects are tampered with. */
export function tampered(type: string, tamper: Tamper): Mutant['parts'] {
  return ({ steps }) => ({
    steps: {
      [type]: (core, connection, incoming) =>
        after((steps[type] as Step)(core, connection, incoming), (effects) =>
          tamper(effects, core, connection, incoming),
        ),
    },
  });
}

/** The server whose replies to one type of request have other `data`. */
export function replying(
  type: string,
  change: (data: Readonly<Record<string, unknown>>, core: Core) => object,
): Mutant['parts'] {
  return tampered(type, (effects, core) =>
    effects.map((effect) =>
      effect.do === 'send'
        ? {
            ...effect,
            message: {
              ...effect.message,
              data: change(effect.message.data, core) as Record<string, unknown>,
            },
          }
        : effect,
    ),
  );
}

/** The server with some decisions of its rooms taken wrongly. */
export const inRooms =
  (change: (right: Parts['rooms']) => Partial<Parts['rooms']>): Mutant['parts'] =>
  ({ rooms }) => ({ rooms: change(rooms) });

/** The server with some decisions of its chat taken wrongly. */
export const inChat =
  (change: (right: Parts['chat']) => Partial<Parts['chat']>): Mutant['parts'] =>
  ({ chat }) => ({ chat: change(chat) });

/** The server with some decisions of its rates taken wrongly. */
export const inRates =
  (change: (right: Parts['rates']) => Partial<Parts['rates']>): Mutant['parts'] =>
  ({ rates }) => ({ rates: change(rates) });

/** A gate moved to just before another. */
export const moved =
  (gate: Parts['precedence'][number], before: Parts['precedence'][number]): Mutant['parts'] =>
  ({ precedence }) => {
    const rest = precedence.filter((each) => each !== gate);
    const at = rest.indexOf(before);
    return { precedence: [...rest.slice(0, at), gate, ...rest.slice(at)] };
  };

/** Lets one type of request pass a gate. */
export const ungated =
  (gate: keyof Parts['gates'], type: string): Mutant['parts'] =>
  ({ gates }) => ({
    gates: {
      [gate]: (core: Core, connection: Connection, incoming: Incoming) =>
        incoming.request.type === type ? null : gates[gate](core, connection, incoming),
    },
  });

/** A pause, for faults that only time brings out. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
