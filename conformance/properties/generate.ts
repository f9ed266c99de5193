import fc from 'fast-check';
import { breaches } from './breaches.js';
import { mistakes } from './mistakes.js';
import { type Field, fields, type Operation, type OperationName, type Script } from './script.js';
import { metaCount, textCount } from './words.js';

/** How often each operation is drawn, relative to the others. */
const weights: Record<OperationName, number> = {
  join: 18,
  leave: 12,
  members: 6,
  chat: 24,
  typing: 6,
  ping: 3,
  direct: 4,
  broadcast: 1,
  binary: 3,
  repeat: 6,
  fault: 3,
  pieces: 1,
  breach: 1,
  flood: 1,
  open: 8,
  close: 2,
  kill: 4,
  cut: 1,
  pause: 1,
  read: 1,
};

/** The values of each parameter; small ones are drawn more often. */
const values: Record<Field, fc.Arbitrary<number>> = {
  room: fc.constantFrom(0, 0, 0, 1, 2),
  user: fc.nat(3),
  text: fc.oneof(
    { arbitrary: fc.constant(0), weight: 3 },
    { arbitrary: fc.nat(textCount - 1), weight: 1 },
  ),
  meta: fc.oneof(
    { arbitrary: fc.constant(0), weight: 3 },
    { arbitrary: fc.nat(metaCount - 1), weight: 1 },
  ),
  active: fc.nat(1),
  since: fc.constantFrom(0, 0, 1, 1, 2, 3, 4),
  bare: fc.constantFrom(0, 0, 0, 1),
  other: fc.constantFrom(0, 0, 0, 1),
  fault: fc.nat(mistakes.length - 1),
};

/** The operations that a server with these features can be asked for. */
function possible(features: readonly string[]): OperationName[] {
  const needs: Partial<Record<OperationName, string>> = {
    direct: 'direct',
    broadcast: 'broadcast',
    binary: 'binary',
    repeat: 'resume',
  };
  return (Object.keys(fields) as OperationName[]).filter(
    (name) => needs[name] === undefined || features.includes(needs[name]),
  );
}

function operation(
  name: OperationName,
  clients: number,
  wait: fc.Arbitrary<number>,
): fc.Arbitrary<Operation> {
  const parameters = Object.fromEntries(fields[name].map((field) => [field, values[field]]));
  return fc
    .record({ op: fc.constant(name), client: fc.nat(clients - 1), ...parameters, wait })
    .map((op) => tidy(op as Operation));
}

/** Without the parameters that are 0, as absent means the same, and those that the operation does not read. */
function tidy({ op, client, wait, ...parameters }: Operation): Operation {
  const read: readonly string[] = fields[op];
  const kept = Object.entries(parameters).filter(([name, value]) => value && read.includes(name));
  return { op, client, ...Object.fromEntries(kept), wait };
}

/** Waits in between: none at all, so that everything overlaps; now and then; or after each few. */
const paces = {
  concurrent: fc.constant(0),
  mixed: fc.constantFrom(0, 0, 0, 0, 1, 1, 1, 2, 3, 3),
  rounds: fc.constantFrom(0, 2),
};

/** The shape of a conversation. */
interface Shape {
  clients: number;
  /** The largest number of a user: below that of clients, some are connections of the same one. */
  users: number;
  rooms: number;
  pace: keyof typeof paces;
}

/** Any kind of thing may happen. */
const wide: fc.Arbitrary<Shape> = fc.record({
  clients: fc.integer({ min: 2, max: 4 }),
  users: fc.integer({ min: 1, max: 3 }),
  rooms: fc.constantFrom(1, 1, 2, 3),
  pace: fc.constantFrom('concurrent', 'concurrent', 'concurrent', 'mixed'),
});

/** Few users do few kinds of things in one room: what it takes the same two for is rare among all the others. */
const narrow: fc.Arbitrary<Shape> = fc.record({
  clients: fc.integer({ min: 3, max: 4 }),
  users: fc.constantFrom(1, 1, 2),
  rooms: fc.constant(1),
  pace: fc.constantFrom('concurrent', 'mixed', 'rounds', 'rounds'),
});

/**
 * Conversations for a server with these features. Half of them are all-concurrent; most begin with everyone in one
 * room, because little happens between strangers.
 */
export function scripts(features: readonly string[], instances = 1): fc.Arbitrary<Script> {
  const names = possible(features);
  const weighted = names.map((name) => weigh(name, weights[name]));
  // Where there are few, the rare ones are to have their turn.
  const flattened = names.map((name) => weigh(name, Math.ceil(Math.sqrt(weights[name]))));
  const few = fc
    .tuple(
      fc.constantFrom<OperationName[]>(['join'], ['join', 'leave'], ['join', 'leave']),
      fc.uniqueArray(fc.oneof(...flattened), { maxLength: 2 }),
    )
    .map((parts) => [...new Set(parts.flat())]);
  return fc.oneof(
    wide.chain((shape) => script(shape, weighted, instances)),
    fc.tuple(narrow, few).chain(([shape, kinds]) =>
      script(
        shape,
        kinds.map((name) => weigh(name, 1)),
        instances,
      ),
    ),
  );
}

function weigh(name: OperationName, weight: number): fc.WeightedArbitrary<OperationName> {
  return { arbitrary: fc.constant(name), weight };
}

function script(
  { clients, users, rooms, pace }: Shape,
  kinds: readonly fc.WeightedArbitrary<OperationName>[],
  instances: number,
): fc.Arbitrary<Script> {
  const any = fc.oneof(...kinds).chain((name) => operation(name, clients, paces[pace]));
  const ops = fc.array(any, { minLength: 3, maxLength: 22, size: 'max' });
  // All of them, all but one, or nobody.
  const together = fc.constantFrom(clients, clients, clients - 1, 0);
  return fc.record({
    clients: fc.tuple(
      ...Array.from({ length: clients }, (_, index) => client(index, users, instances)),
    ),
    rooms: fc.constant(rooms),
    ops: fc
      .tuple(together, ops)
      .map(([count, all]) => [
        ...gather(count),
        ...(pace === 'rounds' ? rounds(all, clients, count) : all),
      ]),
  });
}

/**
 * In each round everybody does one thing at most, in the same room, and nothing in vain: who is inside does not join,
 * who is outside does not leave. The first `joined` clients are inside.
 */
function rounds(ops: readonly Operation[], clients: number, joined: number): Operation[] {
  const inside = new Set(Array.from({ length: joined }, (_, index) => index));
  const gone = new Set<number>();
  let round: Operation[] = [];
  return ops.map((op) => {
    const client = ((round[0] ?? op).client + round.length) % clients;
    const name = gone.has(client) ? 'open' : useful(op.op, inside.has(client));
    if (name === 'open') gone.delete(client);
    if (endings.has(name)) gone.add(client);
    if (name === 'join') inside.add(client);
    else if (name === 'leave' || gone.has(client)) inside.delete(client);
    const own: Operation = { ...op, op: name, client };
    round.push(own);
    const last = op.wait > 0 || round.length === clients;
    if (last) round = [];
    return tidy({ ...own, wait: last ? 2 : 0 });
  });
}

/** Operations that end a connection. */
const endings: ReadonlySet<OperationName> = new Set(['breach', 'close', 'kill', 'cut']);

/** What changes something in place of what does not. */
function useful(name: OperationName, inside: boolean): OperationName {
  if (name === 'join' && inside) return 'leave';
  return name === 'leave' && !inside ? 'join' : name;
}

function client(
  index: number,
  users: number,
  instances: number,
): fc.Arbitrary<Script['clients'][number]> {
  return fc
    .record({ user: fc.nat(users), late: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1) })
    .map(({ user, late }) => ({
      user: index < 2 ? Math.min(index, users) : user,
      ...(instances > 1 && { at: index % instances }),
      ...(late === 1 && { late: 1 }),
    }));
}

/** So many join the first room at once. */
function gather(clients: number): Operation[] {
  return Array.from({ length: clients }, (_, client) => ({
    op: 'join',
    client,
    wait: client === clients - 1 ? 2 : 0,
  }));
}

/** Draws scripts without end; the same ones for the same seed. */
export function* drawScripts(arbitrary: fc.Arbitrary<Script>, seed: number): Generator<Script> {
  for (let batch = 0; ; batch += 1)
    yield* fc.sample(arbitrary, { seed: seed + batch, numRuns: 64, unbiased: true });
}

/** Times that every mistake is made, each time in another variant. */
export const SWEEPS = 5;

/** Mistakes that one connection makes in a row, below the smallest usual budget for them. */
const MISTAKES_IN_A_ROW = 16;

/**
 * Conversations in which somebody makes every mistake once, while somebody else listens, so that each is answered
 * and nobody hears of it. `round` picks the variant; a client may make `budget` of them.
 */
export function* sweep(round: number, budget = MISTAKES_IN_A_ROW): Generator<Script> {
  const most = Math.max(1, Math.min(budget, MISTAKES_IN_A_ROW));
  for (const fault of breaches.keys())
    yield {
      clients: [{ user: 0 }, { user: 1 }],
      rooms: 1,
      ops: [
        { op: 'join', client: 1, wait: 1 },
        { op: 'join', client: 0, wait: 1 },
        { op: 'pieces', client: 0, text: round, wait: 0 },
        { op: 'breach', client: 0, fault, wait: 0 },
        { op: 'chat', client: 1, wait: 1 },
      ],
    };
  for (let from = 0; from < mistakes.length; from += most) {
    const count = Math.min(most, mistakes.length - from);
    const ops = Array.from(
      { length: count },
      (_, index): Operation => ({
        op: 'fault',
        client: 0,
        fault: from + index,
        ...(round > 0 && { text: round }),
        ...(index % 5 === 4 && { bare: 1 }),
        wait: index % 3 === 2 ? 1 : 0,
      }),
    );
    const listen: Operation[] = [
      { op: 'join', client: 1, wait: 1 },
      { op: 'join', client: 0, wait: 1 },
    ];
    yield {
      clients: [{ user: 0 }, { user: 1 }],
      rooms: 1,
      ops: [...listen, ...ops, { op: 'chat', client: 0, wait: 1 }],
    };
  }
}
