/**
 * A TCP proxy on loopback, for networks that misbehave: answers that come late, connections that
 * fall silent without being closed, servers that refuse. It knows no protocol; kafka-proxy.ts adds
 * what Kafka needs.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { pause } from '../../support/wait.ts';

export type Direction = 'request' | 'answer';

/** One connection through the proxy. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #proxy: TcpProxy;
  readonly #underway: Record<Direction, Promise<void>> = {
    request: Promise.resolve(),
    answer: Promise.resolve(),
  };
  /** Takes bytes and answers nothing, for ever: neither side hears of it. */
  silent = false;

  constructor(proxy: TcpProxy, client: Socket, server: Socket) {
    this.#proxy = proxy;
    this.#client = client;
    this.#server = server;
    client.on('data', (bytes) => this.#pass('request', bytes, server));
    server.on('data', (bytes) => this.#pass('answer', bytes, client));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // Whatever ends one side ends the other; why is for the two ends to find out.
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }

  #pass(direction: Direction, bytes: Buffer, to: Socket): void {
    const seen = this.#proxy.look(this, direction, bytes);
    if (this.silent || seen.length === 0) return;
    const { answerDelayMs, held } = this.#proxy;
    const dueMs = performance.now() + (direction === 'answer' ? answerDelayMs : 0);
    // One after the other, so that a delay that changes changes no order.
    this.#underway[direction] = this.#underway[direction].then(async () => {
      await held;
      const ms = dueMs - performance.now();
      if (ms > 0) await pause(ms);
      if (!this.silent && to.writable) to.write(seen);
    });
  }

  /** What a proxy that knows the protocol held back. */
  toServer(bytes: Buffer): void {
    this.#server.write(bytes);
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}

export class TcpProxy {
  readonly connections = new Set<ProxiedConnection>();
  /** How many connections were ever made through it: a test sees that it is really used. */
  accepted = 0;
  /** Every answer of the server comes so much later. */
  answerDelayMs = 0;
  /** What all bytes wait for. */
  held: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;
  readonly #listener: Server;
  readonly #targetPort: number;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#listener = createServer((client) => this.#accept(client));
  }

  /** Listens on a free port of loopback, and answers it. */
  async listen(): Promise<number> {
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
    return this.port;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** What goes on in place of the bytes that came; protocols hold back and change some. */
  look(_connection: ProxiedConnection, _direction: Direction, bytes: Buffer): Buffer {
    return bytes;
  }

  /** Nothing passes until `release`, which lets all that came meanwhile pass. */
  hold(): void {
    this.held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release();
  }

  /** Connections that are there fall silent and stay open, as after a lost route; new ones work. */
  silence(which: (connection: ProxiedConnection) => boolean = () => true): number {
    const silenced = [...this.connections].filter(which);
    for (const connection of silenced) connection.silent = true;
    return silenced.length;
  }

  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const connection of this.connections) connection.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const server = connect(this.#targetPort, '127.0.0.1');
    const connection = new ProxiedConnection(this, client, server);
    this.connections.add(connection);
    client.on('close', () => this.connections.delete(connection));
  }
}
