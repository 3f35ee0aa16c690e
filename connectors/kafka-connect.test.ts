import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { kafkaConnect } from './kafka-connect.ts';
import { exampleSettings } from './settings-example.ts';

type Reply = readonly [status: number, body: unknown];

let server: Server | undefined;

afterEach(() => server?.close());

/** A Connect that answers each request with the next reply of its list, the last one for ever. */
async function worker(replies: Readonly<Record<string, readonly Reply[]>>) {
  const asked: string[] = [];
  const counts = new Map<string, number>();
  const listening = createServer((request, response) => {
    const what = `${request.method} ${request.url}`;
    asked.push(what);
    const list = replies[what] ?? [[404, { message: 'no such thing' }]];
    const count = counts.get(what) ?? 0;
    counts.set(what, count + 1);
    const [status, body] = list[Math.min(count, list.length - 1)] as Reply;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  let nowMs = 0;
  const api = kafkaConnect(
    { ...exampleSettings, connector: { ...exampleSettings.connector, url } },
    {
      nowMs: () => nowMs,
      delay: async (ms) => {
        nowMs += ms;
      },
    },
  );
  return { api, asked };
}

const configPath = '/connectors/turnstream/config';
const statusPath = '/connectors/turnstream/status';
const restartPath = '/connectors/turnstream/restart?includeTasks=true&onlyFailed=true';
const running: Reply = [
  200,
  { connector: { state: 'RUNNING' }, tasks: [{ id: 0, state: 'RUNNING' }] },
];
const failed: Reply = [
  200,
  {
    connector: { state: 'RUNNING' },
    tasks: [
      {
        id: 0,
        state: 'FAILED',
        trace: `DebeziumException: cannot create slot\n${'\tat somewhere\n'.repeat(20)}Caused by: PSQLException: all replication slots are in use\n\tat elsewhere`,
      },
    ],
  },
];

describe('putting a connector', () => {
  it('creates, updates, or leaves it as it is', async () => {
    const put = { [`PUT ${configPath}`]: [[201, {}] as Reply, [200, {}] as Reply] };
    const { api, asked } = await worker({
      ...put,
      [`GET ${configPath}`]: [
        [404, {}],
        [200, { a: '2', name: 'turnstream' }],
        [200, { a: '1', name: 'turnstream' }],
        [200, { a: '1', b: '1', name: 'turnstream' }],
      ],
    });
    const outcomes = [];
    for (let time = 0; time < 4; time++) outcomes.push(await api.put({ a: '1' }));
    expect(outcomes).toEqual(['created', 'updated', 'unchanged', 'updated']);
    expect(asked.filter((what) => what.startsWith('PUT'))).toHaveLength(3);
  });

  it('waits while Connect rebalances', async () => {
    const { api } = await worker({
      [`PUT ${configPath}`]: [
        [409, { message: 'rebalance' }],
        [201, {}],
      ],
    });
    expect(await api.put({ a: '1' })).toBe('created');
  });

  it('tells why Connect refuses', async () => {
    const message = 'Connector configuration is invalid: wrong password';
    const { api } = await worker({ [`PUT ${configPath}`]: [[400, { message }]] });
    await expect(api.put({ a: '1' })).rejects.toMatchObject({
      code: 'CONNECT',
      retriable: false,
      message: expect.stringContaining(message),
    });
  });
});

describe('waiting for the task', () => {
  it('ends when connector and task run', async () => {
    const assigning: Reply = [200, { connector: { state: 'RUNNING' }, tasks: [] }];
    const { api, asked } = await worker({
      [`GET ${statusPath}`]: [[404, {}], assigning, running],
    });
    await api.waitUntilRunning('created');
    expect(asked).toHaveLength(3);
  });

  it('shows the beginning of the trace and its first cause', async () => {
    const { api, asked } = await worker({ [`GET ${statusPath}`]: [failed] });
    const error = await api.waitUntilRunning('updated').catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'CONNECT' });
    expect((error as Error).message).toContain('cannot create slot');
    expect((error as Error).message).toContain('all replication slots are in use');
    expect((error as Error).message.split('\n').length).toBeLessThan(12);
    expect(asked).not.toContain(`POST ${restartPath}`);
  });

  it('restarts once what had failed before an unchanged configuration', async () => {
    const replies = { [`POST ${restartPath}`]: [[202, {}] as Reply] };
    const cured = await worker({ ...replies, [`GET ${statusPath}`]: [failed, running] });
    await cured.api.waitUntilRunning('unchanged');
    expect(cured.asked).toContain(`POST ${restartPath}`);
    server?.close();
    const ill = await worker({ ...replies, [`GET ${statusPath}`]: [failed] });
    await expect(ill.api.waitUntilRunning('unchanged')).rejects.toMatchObject({ code: 'CONNECT' });
  });

  it('gives up in time, and says in which state it was', async () => {
    const paused: Reply = [200, { connector: { state: 'RUNNING' }, tasks: [{ state: 'PAUSED' }] }];
    const { api } = await worker({ [`GET ${statusPath}`]: [paused] });
    await expect(api.waitUntilRunning('created')).rejects.toThrow(/after 5 s \(RUNNING, PAUSED\)/);
  });
});

describe('the condition of a connector', () => {
  it('is told with its first cause', async () => {
    const paused: Reply = [200, { connector: { state: 'PAUSED' }, tasks: [{ state: 'PAUSED' }] }];
    const ended: Reply = [200, { connector: { state: 'FAILED', trace: 'No config' }, tasks: [] }];
    const { api } = await worker({
      [`GET ${statusPath}`]: [running, failed, ended, paused, [404, {}], [500, { message: 'no' }]],
    });
    expect(await api.condition()).toEqual({ kind: 'running' });
    const cause = 'Caused by: PSQLException: all replication slots are in use';
    expect(await api.condition()).toEqual({ kind: 'failed', cause });
    expect(await api.condition()).toEqual({ kind: 'failed', cause: 'No config' });
    expect(await api.condition()).toEqual({ kind: 'resting', states: 'PAUSED, PAUSED' });
    expect(await api.condition()).toEqual({ kind: 'missing' });
    await expect(api.condition()).rejects.toMatchObject({ code: 'CONNECT' });
  });

  it('is mended where it has failed', async () => {
    const { api, asked } = await worker({
      [`POST ${restartPath}`]: [
        [202, {}],
        [404, { message: 'unknown' }],
      ],
    });
    await api.restartFailed();
    expect(asked).toEqual([`POST ${restartPath}`]);
    await expect(api.restartFailed()).rejects.toMatchObject({ code: 'CONNECT' });
  });
});

describe('the plugin', () => {
  it('is looked for by its class', async () => {
    const { api } = await worker({
      'GET /connector-plugins': [[200, [{ class: 'x.Y', version: '3.7.0.Final' }]]],
    });
    expect(await api.plugin('x.Y')).toEqual({ installed: true, version: '3.7.0.Final' });
    expect(await api.plugin('x.Z')).toEqual({ installed: false, version: null });
  });
});
