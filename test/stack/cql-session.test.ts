/** The session's contract on a real CQL server, in a keyspace of its own. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { stackAddresses } from '../../local/stack.ts';
import { connectCql, cqlDefaults, type DriverSession } from '../../processor/cql/cluster.ts';
import { applySchema } from '../../processor/cql/schema.ts';
import { describeCqlContract } from '../../processor/cql/session.contract.ts';

const { contactPoints, port, datacenter: localDataCenter } = stackAddresses().cql;
const keyspace = `session_${randomUUID().replaceAll('-', '')}`;
let session: DriverSession;

beforeAll(async () => {
  session = await connectCql({ ...cqlDefaults, contactPoints, port, localDataCenter });
  const replication = { [localDataCenter]: 1 };
  await applySchema(session, { keyspace, dialect: 'cassandra', replication }, []);
});

afterAll(async () => {
  await session.client.execute(`DROP KEYSPACE IF EXISTS "${keyspace}"`);
  await session.close();
});

describeCqlContract('the driver', async () => ({ session, keyspace }));
