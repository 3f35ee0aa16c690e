/**
 * What must happen in a run of many histories, since what never happened is not proven. The servers,
 * the checks and the actors count by name; a run prints the counts, and fails when one of these is
 * missing. Beside them every place where a process asks something of the outside must have seen its
 * process killed, before and after the request was sent, and its request fail in each way.
 */
import { cqlHappenings } from './cql/probes.ts';
import { kafkaHappenings } from './kafka/happenings.ts';
import { sourceHappenings } from './source/happenings.ts';

const required: readonly string[] = [
  ...cqlHappenings.filter((name) => name !== 'cql: a write without a timestamp'),
  ...kafkaHappenings,
  ...sourceHappenings,
  'sequencer: a container was evicted',
  'sequencer: a record was applied',
  'sequencer: a record was dead-lettered',
  'sequencer: a record was irrelevant',
  'sequencer: a record was parked',
  'log: state moved',
  'state: a flush of a container over several batches',
  'state: a segment over several batches',
  'letters: a worker could not take one yet',
  'letters: a worker discarded one',
  'letters: a worker took one',
  'letters: the sequencer could not take one yet',
  'letters: the sequencer discarded one',
  'letters: the sequencer took one',
  'mending: a snapshot healed what was discarded',
  'mending: workers began again with mended code',
  'source: a record that nobody can decode yet',
  'worker: an event was dead-lettered',
  'worker: the retry of a dead letter failed',
  'worker: the retry of a dead letter took it',
  'worker: totals from the cache',
  'worker: totals from the database',
  'checks: checkpoints compared with writes',
  'checks: events that came again',
  'checks: offsets compared with state',
  'checks: reads with a token compared',
  'checks: state rows compared with facts',
  'checks: watermarks compared with commits',
  'checks: writes compared with events',
];

/** At each place where processes call, one of each line must have happened. */
const befalling: readonly (readonly string[])[] = [
  ['kill at', 'kill-sent at', 'kill-slow at', 'kill-unheard at'],
  ['lost:'],
];
const befallingWrites: readonly (readonly string[])[] = [['unheard:', 'late:']];
const readsOnly = /^(read|scan|fetch) /;
/** A place that is met less often than this in a run is not asked for. */
const callsMin = 1000;
/** Readers alone come here, and nobody kills them. */
const placeOfReaders = 'scan a read model';

export function missingFrom(counts: ReadonlyMap<string, number>): readonly string[] {
  const missing = required.filter((name) => !counts.has(name));
  for (const [name, times] of counts) {
    if (!name.startsWith('call: ') || times < callsMin) continue;
    const place = name.slice('call: '.length);
    if (place === placeOfReaders) continue;
    const wanted = readsOnly.test(place) ? befalling : [...befalling, ...befallingWrites];
    for (const ways of wanted) {
      if (!ways.some((way) => counts.has(`${way} ${place}`))) missing.push(`${ways[0]} ${place}`);
    }
  }
  return missing;
}

export function coverageTable(counts: ReadonlyMap<string, number>): string {
  const names = [...counts.keys()].sort();
  const width = Math.max(0, ...names.map(({ length }) => length));
  return names
    .map((name) => `  ${name.padEnd(width)} ${(counts.get(name) ?? 0).toLocaleString('en')}`)
    .join('\n');
}
