import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { report } from './report.js';

const http = createServer();
const server = new Server(http, { transports: ['websocket'], serveClient: false });

server.on('connection', (socket) => {
  socket.on('join', (room: string, done: () => void) => {
    void socket.join(room);
    done();
  });
  socket.on('ping_', (data: unknown, done: (data: unknown) => void) => done(data));
  socket.on('chat', (room: string, text: string) => {
    server.to(room).emit('chat', { room, text, timestamp: new Date().toISOString() });
  });
});

http.listen(0, '127.0.0.1', () => report((http.address() as AddressInfo).port));
