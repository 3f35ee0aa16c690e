/**
 * A proxy before the CQL server that can hold back batches, which are the writes of the read models
 * and of the sequencer's state, while everything else goes on: what is held is work that a process
 * has in hand, and is sent later than whatever others write meanwhile.
 */
import { type Direction, type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

const headerBytes = 9;
const opcode = { error: 0x00, result: 0x08, batch: 0x0d } as const;

type Held = { readonly connection: ProxiedConnection; readonly frame: Buffer };

type Stream = {
  rest: Record<Direction, Buffer>;
  /** Of batches that were held and then sent, until they are answered. */
  readonly late: Set<number>;
};

export class CqlProxy extends TcpProxy {
  readonly #streams = new WeakMap<ProxiedConnection, Stream>();
  #held: Held[] = [];
  #holds = false;
  /** Batches that went to the server at once. */
  batchesPassed = 0;
  /** Batches that were held, sent late, and that the server then applied. */
  lateApplied = 0;
  /** The same, but the server refused them. */
  lateRefused = 0;

  /** From now on batches wait. */
  holdBatches(): void {
    this.#holds = true;
  }

  get heldBatches(): number {
    return this.#held.length;
  }

  /** Sends what was held, in its order; how many. Later ones pass. */
  releaseBatches(): number {
    const held = this.#held;
    this.#held = [];
    this.#holds = false;
    for (const { connection, frame } of held) {
      this.#of(connection).late.add(frame.readInt16BE(2));
      connection.toServer(frame);
    }
    return held.length;
  }

  override look(connection: ProxiedConnection, direction: Direction, bytes: Buffer): Buffer {
    const stream = this.#of(connection);
    let rest = Buffer.concat([stream.rest[direction], bytes]);
    const passing: Buffer[] = [];
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readInt32BE(5);
      if (rest.length < end) break;
      const frame = rest.subarray(0, end);
      rest = rest.subarray(end);
      if (direction === 'answer') this.#answered(stream, frame);
      if (direction === 'answer' || !this.#isHeld(connection, frame)) passing.push(frame);
    }
    stream.rest[direction] = rest;
    return Buffer.concat(passing);
  }

  #isHeld(connection: ProxiedConnection, frame: Buffer): boolean {
    if (frame[4] !== opcode.batch) return false;
    if (this.#holds) this.#held.push({ connection, frame });
    else this.batchesPassed += 1;
    return this.#holds;
  }

  #answered({ late }: Stream, frame: Buffer): void {
    if (!late.delete(frame.readInt16BE(2))) return;
    if (frame[4] === opcode.result) this.lateApplied += 1;
    else this.lateRefused += 1;
  }

  #of(connection: ProxiedConnection): Stream {
    const known = this.#streams.get(connection);
    if (known !== undefined) return known;
    const empty = Buffer.alloc(0);
    const fresh: Stream = { rest: { request: empty, answer: empty }, late: new Set() };
    this.#streams.set(connection, fresh);
    return fresh;
  }
}
