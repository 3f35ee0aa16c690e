/**
 * A proxy before the broker that clients do not get around: the broker tells its own address in its
 * metadata, and here the proxy's port takes its place. It also knows which connections fetch, so
 * that a test can silence those alone while the group and the metadata go on; and it can take a
 * topic's leaders away, as the metadata of a cluster does that has lost their brokers, and hold back
 * what is appended, which then comes later than whatever others append meanwhile.
 */
import { type Direction, type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

const produceKey = 0;
const fetchKey = 1;
const metadataKey = 3;
const leaderNotAvailable = 5;
const nobody = -1;
/** Whose answers tell addresses: Metadata and FindCoordinator. */
const addressKeys = new Set([3, 10]);

type Frames = {
  readonly rest: Record<Direction, Buffer>;
  readonly asked: Map<number, number>;
  fetches: boolean;
  /** Of appends that were held and then sent, until they are answered. */
  readonly late: Set<number>;
};

export class KafkaProxy extends TcpProxy {
  readonly #frames = new WeakMap<ProxiedConnection, Frames>();
  readonly #brokerPort: number;
  /** A topic whose partitions have no leader at present. */
  leaderless: string | null = null;
  #holdsAppendsFromBytes = Number.POSITIVE_INFINITY;
  #heldAppends: { readonly connection: ProxiedConnection; readonly frame: Buffer }[] = [];
  /** Appends that were held, sent late and then answered. */
  lateAppends = 0;

  constructor(brokerPort: number) {
    super(brokerPort);
    this.#brokerPort = brokerPort;
  }

  /** The connections over which records are fetched; how many there were. */
  silenceFetches(): number {
    return this.silence((connection) => this.#of(connection).fetches);
  }

  /** From now on appends of so many bytes or more wait: smaller ones may be watermarks alone. */
  holdAppends(bytesMin: number): void {
    this.#holdsAppendsFromBytes = bytesMin;
  }

  get heldAppends(): number {
    return this.#heldAppends.length;
  }

  /** Sends what was held, in its order; how many. Later ones pass. */
  releaseAppends(): number {
    const held = this.#heldAppends;
    this.#heldAppends = [];
    this.#holdsAppendsFromBytes = Number.POSITIVE_INFINITY;
    for (const { connection, frame } of held) {
      this.#of(connection).late.add(frame.readInt32BE(8));
      connection.toServer(frame);
    }
    return held.length;
  }

  override look(connection: ProxiedConnection, direction: Direction, bytes: Buffer): Buffer {
    const frames = this.#of(connection);
    let rest = Buffer.concat([frames.rest[direction], bytes]);
    const whole: Buffer[] = [];
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      whole.push(...this.#frame(connection, direction, rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
    frames.rest[direction] = rest;
    return Buffer.concat(whole);
  }

  #frame(connection: ProxiedConnection, direction: Direction, frame: Buffer): readonly Buffer[] {
    const frames = this.#of(connection);
    if (direction === 'answer') return [this.#answer(frames, frame)];
    const key = frame.readInt16BE(4);
    frames.asked.set(frame.readInt32BE(8), key);
    if (key === fetchKey) frames.fetches = true;
    if (key !== produceKey || frame.length < this.#holdsAppendsFromBytes) return [frame];
    this.#heldAppends.push({ connection, frame });
    return [];
  }

  #answer(frames: Frames, frame: Buffer): Buffer {
    const correlation = frame.readInt32BE(4);
    const key = frames.asked.get(correlation);
    frames.asked.delete(correlation);
    if (frames.late.delete(correlation)) this.lateAppends += 1;
    if (key === undefined || !addressKeys.has(key)) return frame;
    const readdressed = this.#readdressed(frame);
    if (key === metadataKey && this.leaderless !== null)
      withoutLeaders(readdressed, this.leaderless);
    return readdressed;
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
      late: new Set(),
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

/** In an answer of Metadata 5 or 6: of each partition an error, a number, a leader, three lists. */
function withoutLeaders(frame: Buffer, topic: string): void {
  const name = Buffer.from(topic);
  const found = frame.indexOf(name);
  if (found < 2 || frame.readInt16BE(found - 2) !== name.length) return;
  const internalFlagBytes = 1;
  let at = found + name.length + internalFlagBytes;
  const partitions = frame.readInt32BE(at);
  at += 4;
  for (let partition = 0; partition < partitions; partition += 1) {
    frame.writeInt16BE(leaderNotAvailable, at);
    frame.writeInt32BE(nobody, at + 6);
    at += 10;
    for (let list = 0; list < 3; list += 1) at += 4 + 4 * frame.readInt32BE(at);
  }
}
