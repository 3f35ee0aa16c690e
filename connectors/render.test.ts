import { describe, expect, it } from 'vitest';
import { publicationStatement, renderConnector, topicSpecs } from './render.ts';
import type { ConnectSettings } from './settings.ts';
import { exampleSettings } from './settings-example.ts';

const withConnector = (more: Partial<ConnectSettings['connector']>): ConnectSettings => ({
  ...exampleSettings,
  connector: { ...exampleSettings.connector, ...more },
});

describe("the connector's configuration", () => {
  it('is exactly this for the example', () => {
    const text = JSON.stringify(renderConnector(exampleSettings)).replaceAll('\\u0000', '␀');
    expect(JSON.parse(text)).toMatchInlineSnapshot(`
      {
        "column.include.list": "public\\.sessions\\.(uid|account_uid|title),public\\.human_turns\\.(uid|session_uid|parent_uid|active_child|prompt|created_at),public\\.agent_turns\\.(uid|session_uid|parent_uid|active_child|created_at),public\\.steps\\.(agent_turn_uid|idx|tpe|content|created_at)",
        "column.truncate.to.32768.chars": "public\\.sessions\\.(uid|account_uid),public\\.human_turns\\.(uid|session_uid|parent_uid|active_child),public\\.agent_turns\\.(uid|session_uid|parent_uid|active_child),public\\.steps\\.(agent_turn_uid)",
        "column.truncate.to.5417642.chars": "public\\.sessions\\.(title),public\\.human_turns\\.(prompt),public\\.steps\\.(content)",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.dbname": "conversations",
        "database.hostname": "db.internal",
        "database.password": "secret",
        "database.port": "6432",
        "database.sslmode": "require",
        "database.user": "turnstream",
        "errors.max.retries": "-1",
        "errors.tolerance": "none",
        "event.converting.failure.handling.mode": "fail",
        "event.processing.failure.handling.mode": "fail",
        "exactly.once.support": "requested",
        "extended.headers.enabled": "false",
        "field.name.adjustment.mode": "avro",
        "header.converter": "org.apache.kafka.connect.json.JsonConverter",
        "header.converter.schemas.enable": "false",
        "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'turnstream', '')",
        "heartbeat.interval.ms": "100",
        "heartbeat.topics.prefix": "__debezium-heartbeat",
        "key.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "key.converter.apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.avro.strategy.QualifiedRecordIdStrategy",
        "key.converter.apicurio.registry.as-confluent": "true",
        "key.converter.apicurio.registry.auto-register": "true",
        "key.converter.apicurio.registry.fault-tolerant-refresh": "true",
        "key.converter.apicurio.registry.find-latest": "false",
        "key.converter.apicurio.registry.headers.enabled": "false",
        "key.converter.apicurio.registry.url": "http://registry.example:8080/apis/registry/v2",
        "key.converter.apicurio.registry.use-id": "contentId",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "max.queue.size.in.bytes": "67108864",
        "message.prefix.include.list": "turnstream",
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": "turnstream.changes",
        "plugin.name": "pgoutput",
        "poll.interval.ms": "10",
        "producer.override.acks": "all",
        "producer.override.batch.size": "262144",
        "producer.override.buffer.memory": "67108864",
        "producer.override.compression.type": "lz4",
        "producer.override.enable.idempotence": "true",
        "producer.override.linger.ms": "5",
        "producer.override.max.request.size": "33554432",
        "provide.transaction.metadata": "false",
        "publication.autocreate.mode": "disabled",
        "publication.name": "turnstream",
        "publish.via.partition.root": "true",
        "retriable.restart.connector.wait.ms": "1000",
        "schema.name.adjustment.mode": "avro",
        "skipped.operations": "none",
        "slot.max.retries": "30",
        "slot.name": "turnstream",
        "slot.retry.delay.ms": "1000",
        "snapshot.mode": "when_needed",
        "table.include.list": "public\\.sessions,public\\.human_turns,public\\.agent_turns,public\\.steps",
        "tasks.max": "1",
        "tombstones.on.delete": "false",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "-1",
        "topic.prefix": "turnstream",
        "transaction.boundary": "poll",
        "transforms": "route",
        "transforms.route.regex": "turnstream\\.(public\\..*|message)",
        "transforms.route.replacement": "turnstream.changes",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "unavailable.value.placeholder": "__debezium_unavailable␀value",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "value.converter.apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.avro.strategy.QualifiedRecordIdStrategy",
        "value.converter.apicurio.registry.as-confluent": "true",
        "value.converter.apicurio.registry.auto-register": "true",
        "value.converter.apicurio.registry.fault-tolerant-refresh": "true",
        "value.converter.apicurio.registry.find-latest": "false",
        "value.converter.apicurio.registry.headers.enabled": "false",
        "value.converter.apicurio.registry.url": "http://registry.example:8080/apis/registry/v2",
        "value.converter.apicurio.registry.use-id": "contentId",
      }
    `);
  });

  it('asks for exactly-once where that is the delivery', () => {
    const { 'exactly.once.support': support, 'transaction.boundary': boundary } = renderConnector(
      withConnector({ delivery: 'exactly-once' }),
    );
    expect([support, boundary]).toEqual(['required', 'poll']);
  });

  it('quotes what patterns would read as operators', () => {
    const config = renderConnector({
      ...withConnector({ topicPrefix: 'shop.eu' }),
      postgres: { ...exampleSettings.postgres, schema: 'a+b' },
    });
    expect(config['transforms.route.regex']).toBe('shop\\.eu\\.(a\\+b\\..*|message)');
    expect(config['table.include.list']).toContain('a\\+b\\.steps');
    const routes = new RegExp(`^(?:${config['transforms.route.regex']})$`);
    expect(routes.test('shop.eu.a+b.steps')).toBe(true);
    expect(routes.test('shop.eu.message')).toBe(true);
    expect(routes.test('shopxeu.aab.steps')).toBe(false);
  });

  it('says of a table with another name which one it is, before its topic is lost', () => {
    const tables = {
      ...exampleSettings.postgres.tables,
      sessions: 'Chats',
      steps: 'message_parts',
    };
    const config = renderConnector({
      ...exampleSettings,
      postgres: { ...exampleSettings.postgres, tables },
    });
    const added = Object.entries(config).filter(
      ([key]) => !(key in renderConnector(exampleSettings)),
    );
    const type = 'org.apache.kafka.connect.transforms.InsertHeader';
    const predicate = 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches';
    expect(Object.fromEntries(added)).toEqual({
      predicates: 'sessions,steps',
      'predicates.sessions.pattern': 'turnstream\\.public\\.Chats',
      'predicates.sessions.type': predicate,
      'predicates.steps.pattern': 'turnstream\\.public\\.message_parts',
      'predicates.steps.type': predicate,
      'transforms.sessions.header': 'turnstream.table',
      'transforms.sessions.predicate': 'sessions',
      'transforms.sessions.type': type,
      'transforms.sessions.value.literal': 'sessions',
      'transforms.steps.header': 'turnstream.table',
      'transforms.steps.predicate': 'steps',
      'transforms.steps.type': type,
      'transforms.steps.value.literal': 'steps',
    });
    expect(config['transforms']).toBe('sessions,steps,route');
    expect(config['table.include.list']).toBe(
      'public\\.Chats,public\\.human_turns,public\\.agent_turns,public\\.message_parts',
    );
    for (const key of Object.keys(config).filter((each) => each.startsWith('column.'))) {
      expect(config[key]).not.toMatch(/public\\\.(sessions|steps)/);
    }
  });

  it.each(['when_needed', 'initial', 'always'] as const)('takes snapshots: %s', (snapshotMode) => {
    expect(renderConnector(withConnector({ snapshotMode }))['snapshot.mode']).toBe(snapshotMode);
  });

  it('keeps values as they are that look like replacements', () => {
    const { 'database.password': password } = renderConnector({
      ...exampleSettings,
      postgres: { ...exampleSettings.postgres, password: '$& $1' },
    });
    expect(password).toBe('$& $1');
  });
});

describe("the publication's statement", () => {
  it('names the four tables, quoted where they must be', () => {
    expect(publicationStatement(exampleSettings)).toBe(
      'CREATE PUBLICATION turnstream FOR TABLE public.sessions, public.human_turns, public.agent_turns, public.steps WITH (publish_via_partition_root = true);',
    );
    expect(
      publicationStatement({
        ...withConnector({ publication: 'Of "mine"' }),
        postgres: { ...exampleSettings.postgres, schema: 'My Schema' },
      }),
    ).toMatch(/^CREATE PUBLICATION "Of ""mine""" FOR TABLE "My Schema"\.sessions, /);
    const tables = { ...exampleSettings.postgres.tables, steps: 'Parts' };
    const postgres = { ...exampleSettings.postgres, tables };
    expect(publicationStatement({ ...exampleSettings, postgres })).toContain(
      'public.agent_turns, public."Parts" WITH',
    );
  });
});

describe('the topics', () => {
  it('are one partition of changes, the event store for ever, and dead letters', () => {
    const specs = topicSpecs(exampleSettings);
    expect(
      specs.map(({ topic, partitions, config }) => [topic, partitions, config['retention.ms']]),
    ).toEqual([
      ['turnstream.changes', 1, '604800000'],
      ['turnstream.events', 4, '-1'],
      ['turnstream.dead-letters', 1, '-1'],
      ['__debezium-heartbeat.turnstream', 1, '3600000'],
    ]);
    expect(specs.every(({ config }) => config['max.message.bytes'] === '33554432')).toBe(true);
  });

  it('ask for two replicas in sync where there are three', () => {
    const three = topicSpecs({
      ...exampleSettings,
      topics: { ...exampleSettings.topics, replicationFactor: 3 },
    });
    expect(three.map(({ config }) => config['min.insync.replicas'])).toEqual(['2', '2', '2', '2']);
  });
});
