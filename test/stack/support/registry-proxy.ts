/** A schema registry in front of the real one, that can be away, or lack schemas that it is asked for. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class RegistryProxy {
  /** `lacking`: it knows no schema by its id. */
  mode: 'there' | 'away' | 'lacking' = 'there';
  /** How often it was asked for a schema by its id. */
  asked = 0;
  readonly #target: string;
  readonly #server: Server;

  /** `target`: with the API's path. */
  constructor(target: string) {
    this.#target = target.replace(/\/+$/, '');
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const isById = path.startsWith('/schemas/ids/');
    if (isById) this.asked += 1;
    if (this.mode === 'away') {
      request.socket.destroy();
    } else if (this.mode === 'lacking' && isById) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error_code":40403,"message":"Schema not found"}');
    } else {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await fetch(`${this.#target}${path}`, {
        method: request.method ?? 'GET',
        headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    }
  }
}
