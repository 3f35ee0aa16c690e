/**
 * The sockets of one client, so that whoever gives a client up can really close it: an orderly end
 * waits for answers, and over a connection that has fallen silent none come.
 */
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export type SocketAddress = {
  readonly host: string;
  readonly port: number;
  /** kafkajs hands on what it was given: true for TLS without further options. */
  readonly ssl?: ConnectionOptions | boolean;
  readonly onConnect: () => void;
};

/** After so long without traffic the system asks whether the other side is still there. */
const keepAliveMs = 10_000;

export class Sockets {
  readonly #open = new Set<Socket>();

  readonly create = ({ host, port, ssl, onConnect }: SocketAddress): Socket => {
    const socket =
      ssl === undefined || ssl === false
        ? connect({ host, port }, onConnect)
        : connectTls(
            {
              host,
              port,
              ...(isIP(host) === 0 ? { servername: host } : {}),
              ...(ssl === true ? {} : ssl),
            },
            onConnect,
          );
    socket.setKeepAlive(true, keepAliveMs);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** Whatever waits for an answer fails with the error. */
  destroy(error: Error): void {
    for (const socket of this.#open) socket.destroy(error);
  }
}
