/**
 * Appending to the simulated log. A request reaches the leaders of its partitions one by one, so
 * each partition's records are a happening of their own, whole and in order; what was not
 * acknowledged may stand in some partitions and not in others, and a repetition stands again.
 */
import { TurnstreamError } from '../../../processor/error.ts';
import type { LogProducer, NewRecord } from '../../../processor/kafka/log.ts';
import { type Fate, isHeard } from '../network.ts';
import type { Process } from '../process.ts';
import { theWorld } from '../scheduler.ts';
import { type SimulatedPartition, shortName } from './partition.ts';
import { type KafkaPorts, timedOut } from './ports.ts';

type Batch = { readonly partition: SimulatedPartition; readonly records: NewRecord[] };

export function openProducer(ports: KafkaPorts, process: Process): LogProducer {
  const { requestRecordsMax } = ports.options;
  let open = true;
  return {
    append: async (records) => {
      if (!open) throw new TurnstreamError('LOG', 'the producer is closed; open another');
      for (let at = 0; at < records.length; at += requestRecordsMax) {
        await send(ports, process, records.slice(at, at + requestRecordsMax));
      }
    },
    close: async () => {
      open = false;
    },
  };
}

function send(ports: KafkaPorts, process: Process, records: readonly NewRecord[]): Promise<void> {
  const { network, scheduler } = ports;
  const timestampMs = Math.floor(scheduler.nowMs());
  const topic = shortName(records[0]?.topic ?? '');
  return network.request<void>(
    process,
    `append ${topic}`,
    () => timedOut(`appending ${records.length} records to ${topic}`),
    (answer, fail, fate) => {
      let batches: readonly Batch[];
      try {
        batches = landing(ports, byPartition(ports, records), fate);
      } catch (error) {
        fail(error);
        return;
      }
      let left = batches.length;
      const land = ({ partition, records: landed }: Batch) => {
        appendTo(ports, partition, landed, timestampMs, process);
        left -= 1;
        if (left === 0) answer();
      };
      const [first] = batches;
      if (first !== undefined && batches.length === 1) land(first);
      else {
        for (const batch of batches) {
          scheduler.step(theWorld, batch.partition.appendLabel, () => land(batch));
        }
      }
    },
  );
}

export function appendTo(
  { probes }: KafkaPorts,
  partition: SimulatedPartition,
  records: readonly NewRecord[],
  timestampMs: number,
  by: Process | null,
): void {
  partition.append(records, timestampMs, (record) => {
    probes.appended?.(partition.topic, partition.number, record, by);
  });
}

function byPartition(ports: KafkaPorts, records: readonly NewRecord[]): readonly Batch[] {
  const batches = new Map<SimulatedPartition, Batch>();
  for (const record of records) {
    const partition = ports.partitions(record.topic)[record.partition];
    if (partition === undefined) {
      const { topic } = record;
      throw new TurnstreamError('LOG', `topic ${topic} has no partition ${record.partition}`);
    }
    const batch = batches.get(partition);
    if (batch === undefined) batches.set(partition, { partition, records: [record] });
    else batch.records.push(record);
  }
  return [...batches.values()];
}

/** Which of them take effect: all that are acknowledged, of the others at least one. */
function landing(
  { dice, count }: KafkaPorts,
  batches: readonly Batch[],
  fate: Fate,
): readonly Batch[] {
  if (isHeard(fate)) return batches;
  count(
    fate === 'late'
      ? 'kafka: an append was applied long after its time-out'
      : 'kafka: an append was applied and not acknowledged',
  );
  if (batches.length < 2 || dice.chance(0.5)) return batches;
  const some = batches.filter(() => dice.chance(0.5));
  const kept = some.length > 0 ? some : [dice.pick(batches)];
  if (kept.length < batches.length) count('kafka: an append was applied in some partitions only');
  return kept;
}
