import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { report } from './report.js';

// What most tutorials end with: a map of rooms, JSON.stringify, and a loop that sends to each member.
const rooms = new Map<string, Set<WebSocket>>();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });

server.on('connection', (socket) => {
  socket.on('message', (bytes) => {
    const { type, room, data } = JSON.parse(String(bytes));
    if (type === 'join') {
      const members = rooms.get(room) ?? new Set();
      rooms.set(room, members.add(socket));
      socket.send(JSON.stringify({ type: 'ack' }));
    } else if (type === 'ping') socket.send(JSON.stringify({ type: 'pong', data }));
    else
      for (const member of rooms.get(room) ?? [])
        member.send(JSON.stringify({ type, room, data, timestamp: new Date().toISOString() }));
  });
});

server.once('listening', () => report((server.address() as AddressInfo).port));
