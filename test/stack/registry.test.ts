/** What a first start asks of the registry, by many processes at one moment. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { openEventCodec } from '../../processor/event/codec.ts';
import { httpRegistry } from '../../processor/source/registry.ts';

const url = `${stackAddresses().registry.url}/apis/ccompat/v7`;

test('processes that start for the first time at one moment register one schema', async () => {
  for (let round = 0; round < 15; round += 1) {
    const topic = `race-${randomUUID()}`;
    const codecs = await Promise.all(
      Array.from({ length: 6 }, () => openEventCodec(httpRegistry({ url }), topic)),
    );
    expect(new Set(codecs.map(({ schemaId }) => schemaId)).size).toBe(1);
  }
});
