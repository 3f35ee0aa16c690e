/**
 * A proxy before the broker that clients do not get around: the broker tells its own address in its
 * metadata, and here the proxy's port takes its place. It also knows which connections fetch, so
 * that a test can silence those alone while the group and the metadata go on.
 */
import { type Direction, type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

const fetchKey = 1;
/** Whose answers tell addresses: Metadata and FindCoordinator. */
const addressKeys = new Set([3, 10]);

type Frames = {
  readonly rest: Record<Direction, Buffer>;
  readonly asked: Map<number, number>;
  fetches: boolean;
};

export class KafkaProxy extends TcpProxy {
  readonly #frames = new WeakMap<ProxiedConnection, Frames>();
  readonly #brokerPort: number;

  constructor(brokerPort: number) {
    super(brokerPort);
    this.#brokerPort = brokerPort;
  }

  /** The connections over which records are fetched; how many there were. */
  silenceFetches(): number {
    return this.silence((connection) => this.#of(connection).fetches);
  }

  override look(connection: ProxiedConnection, direction: Direction, bytes: Buffer): Buffer {
    const frames = this.#of(connection);
    let rest = Buffer.concat([frames.rest[direction], bytes]);
    const whole: Buffer[] = [];
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      whole.push(this.#frame(frames, direction, rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
    frames.rest[direction] = rest;
    return Buffer.concat(whole);
  }

  #frame(frames: Frames, direction: Direction, frame: Buffer): Buffer {
    if (direction === 'request') {
      const key = frame.readInt16BE(4);
      frames.asked.set(frame.readInt32BE(8), key);
      if (key === fetchKey) frames.fetches = true;
      return frame;
    }
    const correlation = frame.readInt32BE(4);
    const key = frames.asked.get(correlation);
    frames.asked.delete(correlation);
    return key !== undefined && addressKeys.has(key) ? this.#readdressed(frame) : frame;
  }

  #readdressed(frame: Buffer): Buffer {
    const [own, other] = [addressOf(this.#brokerPort), addressOf(this.port)];
    const changed = Buffer.from(frame);
    for (let at = changed.indexOf(own); at >= 0; at = changed.indexOf(own, at + own.length)) {
      other.copy(changed, at);
    }
    return changed;
  }

  #of(connection: ProxiedConnection): Frames {
    const known = this.#frames.get(connection);
    if (known !== undefined) return known;
    const empty = Buffer.alloc(0);
    const fresh: Frames = {
      rest: { request: empty, answer: empty },
      asked: new Map(),
      fetches: false,
    };
    this.#frames.set(connection, fresh);
    return fresh;
  }
}

/** A string of the protocol, and a number of four bytes. */
function addressOf(port: number): Buffer {
  const host = Buffer.from('127.0.0.1');
  const bytes = Buffer.alloc(2 + host.length + 4);
  bytes.writeInt16BE(host.length, 0);
  host.copy(bytes, 2);
  bytes.writeInt32BE(port, 2 + host.length);
  return bytes;
}
