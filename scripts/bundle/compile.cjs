// Keeps the compiled code of a server that has come up and served a client, beside its bundle.
const { writeFileSync } = require('node:fs');
const { resolve } = require('node:path');
const { WebSocket } = require('ws');

const dir = resolve(process.argv[2]);
const script = require(`${dir}/start.cjs`);

// What a first client asks for, which is what V8 would otherwise compile again in each server that is started.
const requests = [
  { type: 'ping', id: '1' },
  { type: 'join', id: '2', room: 'lounge' },
  { type: 'chat', id: '3', room: 'lounge', data: { text: 'hello', meta: {} } },
  { type: 'typing', id: '4', room: 'lounge', data: { active: true } },
  { type: 'members', id: '5', room: 'lounge' },
  { type: 'leave', id: '6', room: 'lounge' },
  { type: 'none', id: '7' },
];

const say = console.error;
let url = '';
console.error = (text) => {
  const [, listens] = /^Parlor listens on (\S+)$/.exec(text) ?? [];
  const [, token] = /^A token for .*:\n(\S+)$/.exec(text) ?? [];
  if (listens) url = listens;
  else if (token) visit(token);
  else say(text);
};

function visit(token) {
  const client = new WebSocket(`${url}?token=${token}`, 'parlor.v1');
  let answers = 0;
  client.on('error', (error) => {
    throw error;
  });
  client.on('message', (data) => {
    const { type, ref } = JSON.parse(String(data));
    if (type === 'welcome') for (const request of requests) client.send(JSON.stringify(request));
    if (ref !== undefined) answers += 1;
    if (answers === requests.length) client.close();
  });
  client.on('close', () => {
    writeFileSync(`${dir}/main.compiled`, script.createCachedData());
    process.exit();
  });
}
