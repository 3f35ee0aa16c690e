/** Of the dashboard of the pipeline: the replication slot, the connector, and what is polled of the source. */
import { query, type Row } from './description.ts';

const all = 'namespace=~"$namespace"';

export const captureRow: Row = {
  title: 'Capture',
  panels: [
    {
      title: 'WAL that the slot holds back',
      description:
        'Postgres keeps so much WAL for Debezium. A saw-tooth is normal; a line that only rises fills the disk of the source database.',
      kind: 'lines',
      unit: 'bytes',
      width: 6,
      limits: { orange: 2 * 1024 ** 3, red: 10 * 1024 ** 3 },
      queries: [query('{{slot}}', `max by (slot) (turnstream_slot_retained_bytes{${all}})`)],
    },
    {
      title: 'Slot',
      description:
        'active is 1 while Debezium is connected. Of the states one is 1: reserved is normal, extended within its limit, unreserved about to lose WAL, lost and missing need a snapshot.',
      kind: 'lines',
      unit: 'none',
      width: 6,
      queries: [
        query('{{slot}} active', `max by (slot) (turnstream_slot_active{${all}})`),
        query('{{slot}} {{status}}', `max by (slot, status) (turnstream_slot_status{${all}}) > 0`),
      ],
    },
    {
      title: 'Connector',
      description:
        'running is 1 while Debezium’s connector and its task run. The sequencer begins anew what has failed, with growing pauses.',
      kind: 'lines',
      unit: 'none',
      width: 6,
      queries: [
        query('{{connector}} running', `min by (connector) (turnstream_connector_running{${all}})`),
        query(
          '{{connector}} begun anew',
          `sum by (connector) (increase(turnstream_connector_restarts_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
    {
      title: 'Looks at Postgres and Kafka',
      description:
        'For the lag metrics. While one of them answers with errors alone, its metrics keep their last values.',
      kind: 'lines',
      unit: 'ops',
      width: 6,
      queries: [
        query(
          '{{source}} {{result}}',
          `sum by (source, result) (rate(turnstream_source_polls_total{${all}}[$__rate_interval]))`,
        ),
      ],
    },
  ],
};
