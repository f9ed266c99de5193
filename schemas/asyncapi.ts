import { definitionsAsJson, messagesAsJson } from './emit.js';
import { messages } from './registry.js';
import { readAccept } from './vectors.js';

type Json = Record<string, unknown>;

const local = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const frames = messages.filter(({ frame }) => frame !== 'body');
const channelMessage = (schema: string) => ({ $ref: `#/channels/connection/messages/${schema}` });

/** The protocol as an AsyncAPI 3.0 document, told from the server's side; its examples are the vectors to accept. */
export function asyncapi(examples: string): Json {
  const schemas = messagesAsJson((name) => local(name).$ref);
  const payloads = frames.map(({ schema }) => [schema, schemas[schema] ?? {}] as const);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parlor',
      version: '1.0.0',
      description:
        'Authenticated rooms over WebSocket. The subprotocol is `parlor.v1`; the written protocol has the rules that no schema can say.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: { example: { host: 'localhost:8080', protocol: 'ws', pathname: '/ws' } },
    channels: { connection: channel() },
    operations: operations(),
    components: {
      messages: Object.fromEntries(
        frames.map((row) => [row.schema, message(row, schemas[row.schema] ?? {}, examples)]),
      ),
      schemas: {
        ...definitionsAsJson((name) => local(name).$ref),
        ...Object.fromEntries(payloads),
      },
    },
  };
}

function channel(): Json {
  return {
    description: 'One connection of one verified user.',
    messages: Object.fromEntries(
      frames.map(({ schema }) => [schema, { $ref: `#/components/messages/${schema}` }]),
    ),
    bindings: {
      ws: {
        method: 'GET',
        query: {
          type: 'object',
          properties: {
            token: { type: 'string', description: 'A JWT.' },
            auth: {
              type: 'string',
              const: 'message',
              description: 'Asks for first-message authentication.',
            },
          },
        },
      },
    },
  };
}

// A client's request is received, and answered by its reply or an error; events are sent.
function operations(): Json {
  const connection = { $ref: '#/channels/connection' };
  const list = messages.flatMap((row): [string, Json][] => {
    if (row.direction === 'client')
      return [
        [
          `receive.${row.type}`,
          {
            action: 'receive',
            channel: connection,
            messages: [channelMessage(row.schema)],
            reply: {
              channel: connection,
              messages: [channelMessage(row.reply), channelMessage('error.server')],
            },
          },
        ],
      ];
    // A reply that has no request of its own kind is sent too: `error` answers a frame that is no message.
    if (row.direction !== 'server' || row.type === 'pong') return [];
    return [
      [
        `send.${row.type}`,
        { action: 'send', channel: connection, messages: [channelMessage(row.schema)] },
      ],
    ];
  });
  return Object.fromEntries(list);
}

function message(row: (typeof frames)[number], schema: Json, examples: string): Json {
  const correlation: Record<string, string> = {
    'pong.server': 'ref',
    'error.server': 'ref',
  };
  const id =
    row.direction === 'client' ? 'id' : row.direction === 'ack' ? 'ref' : correlation[row.schema];
  return {
    name: row.direction === 'ack' ? 'ack' : row.type,
    title: title(row),
    summary: schema['description'],
    tags: row.profiles.map((name) => ({ name })),
    ...(id === undefined ? {} : { correlationId: { location: `$message.payload#/${id}` } }),
    payload: local(row.schema),
    examples: [...readAccept(examples, row.schema)].map(([name, payload]) => ({
      name: name.replace(/\.json$/, ''),
      payload,
    })),
  };
}

function title({ direction, type, frame }: (typeof frames)[number]): string {
  if (direction === 'ack') return `ack of ${type}`;
  const sender = direction === 'client' ? 'client' : 'server';
  return `${type}, sent by a ${sender}${frame === 'binary' ? ' as the header of a binary frame' : ''}`;
}
