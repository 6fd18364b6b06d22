#!/usr/bin/env node
// node-ws, for wscat to talk to: others.js serve | others.js talk URL, as others.py.
'use strict';
const fs = require('fs'), crypto = require('crypto');
const path = ['/usr/share/nodejs/ws', '/usr/lib/nodejs/ws'].find(fs.existsSync);
const WebSocket = require(path || 'ws');
const messages = ['hello', '', 'κόσμε '.repeat(1000), crypto.randomBytes(10), crypto.randomBytes(70000), 'x'.repeat(200000)];

if (process.argv[2] === 'serve') {
  const server = new WebSocket.Server({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  server.on('connection', ws => ws.on('message', (data, binary) => ws.send(data, { binary })));
  server.on('listening', () => console.log(server.address().port));
} else {
  const talk = deflate => new Promise((resolve, reject) => {
    const ws = new WebSocket(process.argv[3], { perMessageDeflate: deflate });
    let got = 0;
    ws.on('error', reject);
    ws.on('open', () => messages.forEach(m => ws.send(m)));
    ws.on('message', (data, binary) => {
      const m = messages[got++];
      if (!Buffer.from(m).equals(data) || binary !== Buffer.isBuffer(m)) reject(new Error('message ' + got + ' differs'));
      if (got === messages.length) ws.close(1000);
    });
    ws.on('close', code => (code === 1000 && got === messages.length ? resolve() : reject(new Error('closed ' + code))));
  });
  talk(true).then(() => talk(false)).then(() => process.exit(0), e => { console.error(e); process.exit(1); });
}
