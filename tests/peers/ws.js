#!/usr/bin/env node
// WebSocket by Node's `ws`, both ends, with compression offered and taken. Needs Debian's node-ws.
//
//   ws.js serve            an echo server, with the request as a page for who asks for one; prints `ready PORT`,
//                          then a JSON line for each connection's end
//   ws.js talk URL [CA]    a visitor: messages up to 1 MiB, ping, a close with code 4002; prints one JSON line
'use strict';

const fs = require('fs');
const http = require('http');
const WebSocket = require('/usr/share/nodejs/ws');

const MESSAGES = [
  'hello',
  'grüße, 世界',
  Buffer.alloc(126, 1),
  Buffer.alloc(65536, 2),
  Buffer.alloc(1 << 20, 'abc'),
  't'.repeat(1 << 20),
];

function serve() {
  const server = http.createServer((request, response) => {
    response.end(JSON.stringify({ path: request.url, headers: request.headers }) + '\n');
  });
  server.listen(0, '127.0.0.1', () => console.log('ready', server.address().port));
  new WebSocket.Server({ server, perMessageDeflate: true }).on('connection', (socket, request) => {
    const about = { path: request.url, extensions: socket.extensions };
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', (code, reason) => console.log(JSON.stringify({ ...about, code, reason: reason.toString() })));
    socket.on('error', () => {});
  });
}

function talk(url, ca) {
  const socket = new WebSocket(url, ca ? { ca: fs.readFileSync(ca) } : {});
  const rest = [...MESSAGES];
  let echoed = 0, pongs = 0;
  const next = () => (rest.length ? socket.send(rest[0]) : socket.ping('marco'));
  socket.on('open', next);
  socket.on('message', (data, isBinary) => {
    const sent = rest.shift();
    if (isBinary === Buffer.isBuffer(sent) && Buffer.compare(data, Buffer.from(sent)) === 0) echoed++;
    next();
  });
  socket.on('pong', (data) => {
    if (data.toString() === 'marco') pongs++;
    socket.close(4002, 'enough');
  });
  socket.on('close', (code) => console.log(JSON.stringify({ echoed, pongs, code, extensions: socket.extensions })));
  socket.on('error', (error) => console.log(JSON.stringify({ error: error.message })));
}

const [mode, ...rest] = process.argv.slice(2);
({ serve, talk })[mode](...rest);
