/**
 * Asks a server on this machine whether it does its work, in its own protocol and with nothing but a
 * socket: an open port is not yet a broker that has its metadata or a node that answers queries.
 * Every probe answers false instead of failing, and within its limit.
 */
import { createConnection, createServer } from 'node:net';

export const host = '127.0.0.1';
const probeMsMax = 3_000;

/** True when the REST path answers 200. */
export async function httpAnswers(port: number, path: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${host}:${port}${path}`, {
      signal: AbortSignal.timeout(probeMsMax),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** True when the broker lists at least one live broker: itself, once the controller has let it in. */
export async function kafkaAnswers(port: number): Promise<boolean> {
  const clientId = Buffer.from('turnstream-probe');
  const body = Buffer.alloc(4 + 4 + 2 + clientId.length + 4 + 1);
  body.writeInt16BE(3, 0); // Metadata
  body.writeInt16BE(5, 2); // version 5
  body.writeInt32BE(1, 4); // correlation
  body.writeInt16BE(clientId.length, 8);
  clientId.copy(body, 10);
  body.writeInt32BE(0, 10 + clientId.length); // no topics; the last byte: create none
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length, 0);
  body.copy(frame, 4);
  const answer = await exchange(
    host,
    port,
    [frame],
    (bytes) => bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0),
  );
  // length, correlation, throttle time, then the number of brokers
  return answer !== null && answer.length >= 16 && answer.readInt32BE(12) > 0;
}

/** True when the node gives its own row of system.local. */
export async function cqlAnswers(port: number, address: string): Promise<boolean> {
  const query = Buffer.from('SELECT key FROM system.local');
  const queryBody = Buffer.alloc(4 + query.length + 3);
  queryBody.writeInt32BE(query.length, 0);
  query.copy(queryBody, 4);
  queryBody.writeInt16BE(1, 4 + query.length); // consistency ONE; the last byte: no flags
  const option = Buffer.from('\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0', 'latin1');
  // The node reads nothing behind the start until it has answered it: two frames, in turn.
  const requests = [cqlFrame(1, 0x01, option), cqlFrame(2, 0x07, queryBody)];
  const opcodes: number[] = [];
  await exchange(address, port, requests, (bytes) => {
    const complete = bytes.length >= 9 && bytes.length >= 9 + bytes.readInt32BE(5);
    if (complete) opcodes.push(bytes.readUInt8(4));
    return complete;
  });
  // READY for the start, RESULT for the query.
  return opcodes[0] === 0x02 && opcodes[1] === 0x08;
}

function cqlFrame(stream: number, opcode: number, body: Buffer): Buffer {
  const frame = Buffer.alloc(9 + body.length);
  frame.writeUInt8(4, 0); // protocol version
  frame.writeInt16BE(stream, 2);
  frame.writeUInt8(opcode, 4);
  frame.writeInt32BE(body.length, 5);
  body.copy(frame, 9);
  return frame;
}

/** Sends the requests one after the other and returns the last answer; null on any failure. */
function exchange(
  address: string,
  port: number,
  requests: readonly Buffer[],
  isComplete: (answer: Buffer) => boolean,
): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    let received = Buffer.alloc(0);
    let sent = 0;
    const end = (answer: Buffer | null): void => {
      socket.destroy();
      resolve(answer);
    };
    const sendNext = (): void => {
      const request = requests[sent];
      sent += 1;
      if (request === undefined) end(received);
      else {
        received = Buffer.alloc(0);
        socket.write(request);
      }
    };
    socket.setTimeout(probeMsMax, () => end(null));
    socket.on('error', () => end(null));
    socket.on('close', () => resolve(null));
    socket.on('connect', sendNext);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (isComplete(received)) sendNext();
    });
  });
}

/** True when nobody listens on the port, so that a server may. Rejects when the address is not this machine's. */
export function portIsFree(port: number, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
