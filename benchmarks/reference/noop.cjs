'use strict';
const { connect } = require('node:net');

// The least that a plugin in Node can be: it registers, subscribes to the events that decide where containers run, and answers
// each without reading it. What the runtime waits for it is what transport, kernel and Node cost every plugin.
// Usage: noop.cjs SOCKET

const PLUGIN_CHANNEL = 1;
const RUNTIME_CHANNEL = 2;
const REQUEST = 1;
const RESPONSE = 2;

// Frame: channel and length. Message: length of the data, stream, type, flags; data.
const FRAME_HEADER = 8;
const MESSAGE_HEADER = 10;

// Bits of CreateContainer, UpdateContainer, StopContainer and RemoveContainer.
const EVENTS = (1 << 3) | (1 << 7) | (1 << 9) | (1 << 10);

const field = (number, bytes) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);

const EMPTY = Buffer.alloc(0);
/** Responses with the payloads ConfigureResponse { events } and SynchronizeResponse { more }. */
const CONFIGURED = field(2, Buffer.from([0x10, (EVENTS & 0x7f) | 0x80, EVENTS >> 7]));
const MORE = field(2, Buffer.from([0x10, 1]));

const socket = connect(process.argv[2]);
send(
  RUNTIME_CHANNEL,
  REQUEST,
  1,
  Buffer.concat([
    field(1, Buffer.from('nri.pkg.api.v1alpha1.Runtime')),
    field(2, Buffer.from('RegisterPlugin')),
    field(3, Buffer.concat([field(1, Buffer.from('noop')), field(2, Buffer.from('98'))])),
  ]),
);

function send(channel, type, stream, data) {
  const bytes = Buffer.alloc(FRAME_HEADER + MESSAGE_HEADER + data.length);
  bytes.writeUInt32BE(channel, 0);
  bytes.writeUInt32BE(MESSAGE_HEADER + data.length, 4);
  bytes.writeUInt32BE(data.length, 8);
  bytes.writeUInt32BE(stream, 12);
  bytes[16] = type;
  data.copy(bytes, 18);
  socket.write(bytes);
}

/** What has arrived and not been read, and how much of it makes the next frame's header or the whole of it. */
let chunks = [];
let size = 0;
let needed = FRAME_HEADER;
socket.on('data', (chunk) => {
  chunks.push(chunk);
  size += chunk.length;
  if (size < needed) return;
  let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
  for (;;) {
    needed = bytes.length < FRAME_HEADER ? FRAME_HEADER : FRAME_HEADER + bytes.readUInt32BE(4);
    if (bytes.length < needed) break;
    if (bytes.readUInt32BE(0) === PLUGIN_CHANNEL) readFrame(bytes.subarray(FRAME_HEADER, needed));
    bytes = bytes.subarray(needed);
  }
  chunks = [bytes];
  size = bytes.length;
});

let message = EMPTY;
function readFrame(payload) {
  message = message.length === 0 ? payload : Buffer.concat([message, payload]);
  if (message.length < MESSAGE_HEADER + message.readUInt32BE(0)) return;
  const stream = message.readUInt32BE(4);
  send(PLUGIN_CHANNEL, RESPONSE, stream, answerTo(message.subarray(MESSAGE_HEADER)));
  message = EMPTY;
}

/** Requests begin with the service's name and the method's, each after a byte of tag and one of length. */
function answerTo(request) {
  const start = 4 + request[1];
  const method = request.toString('latin1', start, start + request[start - 1]);
  if (method === 'Configure') return CONFIGURED;
  return method === 'Synchronize' && hasMore(request, start + method.length) ? MORE : EMPTY;
}

/** Whether the SynchronizeRequest at `offset`, field 3 of the request, has its own field 3, `more`. */
function hasMore(request, offset) {
  if (request[offset] !== 0x1a) return false;
  let position = offset + 1;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = request[position++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const length = varint();
  const end = position + length;
  while (position < end) {
    if (request[position++] === 0x18) return varint() === 1;
    const skipped = varint();
    position += skipped;
  }
  return false;
}
