import type { Static } from 'typebox';
import type { catalog } from './catalog.js';
import type { AckedType, BodyType, ClientType, ServerType } from './registry.js';

type Catalog = typeof catalog;

/** A message that a client sends; with a type parameter, the one of that type. */
export type ClientMessage<T extends ClientType = ClientType> = {
  [K in T]: Static<Catalog[`${K}.client`]>;
}[T];

/** A message that a server sends, other than an `ack`; with a type parameter, the one of that type. */
export type ServerMessage<T extends ServerType = ServerType> = {
  [K in T]: Static<Catalog[`${K}.server`]>;
}[T];

/** The `ack` of a request; with a type parameter, of a request of that type. */
export type AckMessage<T extends AckedType = AckedType> = {
  [K in T]: Static<Catalog[`ack.${K}.server`]>;
}[T];

/** The body of an HTTP answer. */
export type Body<T extends BodyType> = Static<Catalog[`${T}.http`]>;

/** The data of `welcome`: the numbers that the server announces. */
export type Welcome = ServerMessage<'welcome'>['data'];

/** The limits that a server announces. */
export type Limits = Welcome['limits'];

/** One bucket of the rate limiter that a server announces. */
export type Rate = Welcome['rates'][number];

/** Where a returning client stopped. */
export type Since = NonNullable<NonNullable<ClientMessage<'join'>['data']>['since']>;
