import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpRegistry } from './registry.ts';

let url = '';
const asked: string[] = [];
const server = createServer((request, response) => {
  const what = `${request.method} ${request.url}`;
  asked.push(what);
  const replies: Readonly<Record<string, readonly [number, unknown]>> = {
    'GET /schemas/ids/1': [200, { schema: '"long"' }],
    'GET /schemas/ids/2': [503, { message: 'starting' }],
    'GET /schemas/ids/3': [200, { other: 'thing' }],
    'POST /subjects/a%2Fb-value/versions': [200, { id: 7 }],
    'POST /subjects/incompatible/versions': [409, {}],
    'POST /subjects/refused/versions': [422, { message: 'no schema' }],
    'PUT /config/a': [200, { compatibility: 'BACKWARD' }],
    'PUT /config/raced': [200, { compatibility: 'BACKWARD' }],
    'PUT /config/occupied': [409, {}],
  };
  const taken = what === 'PUT /config/raced' && asked.filter((one) => one === what).length === 1;
  const [status, body] = taken ? [409, {}] : (replies[what] ?? [404, { error_code: 40403 }]);
  response.writeHead(status).end(JSON.stringify(body));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => server.close());

describe('the schema registry', () => {
  it('answers a schema, and undefined for an id that it does not know', async () => {
    const registry = httpRegistry({ url });
    expect(await registry.schema(1)).toBe('"long"');
    expect(await registry.schema(9)).toBeUndefined();
  });

  it('registers under the subject and sets its rule', async () => {
    const registry = httpRegistry({ url });
    expect(await registry.register('a/b-value', '"long"')).toBe(7);
    await registry.setCompatibility('a', 'BACKWARD');
    expect(asked).toContain('PUT /config/a');
  });

  it('sets a rule that another process is setting at the same moment, and tells one that it cannot set', async () => {
    const registry = httpRegistry({ url });
    await registry.setCompatibility('raced', 'BACKWARD');
    expect(asked.filter((one) => one === 'PUT /config/raced')).toHaveLength(2);
    await expect(registry.setCompatibility('occupied', 'BACKWARD')).rejects.toMatchObject({
      code: 'REGISTRY',
    });
  });

  it('is a retriable REGISTRY error while it is away or starting', async () => {
    const retriable = { code: 'REGISTRY', retriable: true };
    await expect(httpRegistry({ url }).schema(2)).rejects.toMatchObject(retriable);
    const away = httpRegistry({ url: 'http://127.0.0.1:1/apis' });
    await expect(away.schema(1)).rejects.toMatchObject(retriable);
  });

  it('tells a schema that is not compatible from one that is refused, and other answers', async () => {
    const registry = httpRegistry({ url });
    await expect(registry.register('incompatible', 's')).rejects.toMatchObject({ code: 'SCHEMA' });
    await expect(registry.register('refused', 's')).rejects.toMatchObject({
      code: 'REGISTRY',
      retriable: false,
    });
    await expect(registry.schema(3)).rejects.toThrow(/must end in its Confluent-compatible API/);
  });
});
