/**
 * A reader with a token: it has waited until the read model's watermark reached an LSN, and must now
 * see every transaction committed at or before it (I4). What came later may be there or not, so a row
 * is compared when no event of the log beyond that watermark touches it; its state must then be what
 * the source's facts as of the LSN give. A watermark that was delivered again stands behind later
 * changes: rows that these had made something else are left out too.
 */
import type { Fact } from '../../../processor/conversation/fact.ts';
import type { StoredRow, StoredTotalsRow } from '../../../processor/engine/read-out.ts';
import type { Key } from '../../../processor/projection/projection.ts';
import { formatLsn, type Lsn } from '../../../processor/source/lsn.ts';
import { type Breach, breachOf, type CheckContext, shownCells } from './check.ts';
import { type ModelEffects, readModelOfFacts } from './effects.ts';
import type { EventsCheck } from './events-check.ts';
import { rowsDifference, type ShownRows, visibleRows } from './shown-rows.ts';

export type Observation = {
  /** The table's name or the projection's. */
  readonly model: string;
  /** The least watermark of its partitions, as the reader worked it out before it read. */
  readonly watermarkLsn: number;
  /** What it reads now: all rows of a map, or all totals with their shards. */
  readonly rows: () => readonly StoredRow[] | readonly StoredTotalsRow[];
};

export class TokenCheck {
  readonly #breach: Breach;
  readonly #events: EventsCheck;
  readonly #factsAt: (lsn: number) => readonly Fact[] | null;
  #known: { readonly of: string; readonly rows: ShownRows } | null = null;
  /** `conclusive`: at least one row could be compared; `whole`: every one. */
  readonly counts = { observations: 0, conclusive: 0, whole: 0, rowsCompared: 0, rowsInFlux: 0 };

  /** `factsAt`: what the source had committed at or before the LSN; null when it cannot say. */
  constructor(
    context: CheckContext,
    events: EventsCheck,
    factsAt: (lsn: number) => readonly Fact[] | null,
  ) {
    this.#breach = breachOf(context);
    this.#events = events;
    this.#factsAt = factsAt;
  }

  observe({ model: name, watermarkLsn, rows }: Observation): void {
    const model = this.#events.models.get(name);
    const facts = this.#factsAt(watermarkLsn);
    if (model === undefined || facts === null) return;
    this.counts.observations += 1;
    const must = this.#expected(model, watermarkLsn, facts);
    const is = visibleRows(model.projection, rows());
    const bounds = this.#boundsOf(watermarkLsn);
    const ahead = this.#deliveredAt(model, bounds);
    const known = model.touched();
    let compared = 0;
    let inFlux = 0;
    const keys = new Map<string, Key>();
    for (const side of [must, is]) for (const [text, { key }] of side) keys.set(text, key);
    for (const [text, { key }] of known) keys.set(text, key);
    for (const [text, key] of keys) {
      const newest = known.get(text)?.newest ?? [];
      if (
        newest.some((position, partition) => position > (bounds[partition] ?? -1)) ||
        ahead.some((rows) => rowsDifference(model.projection, rows.get(text), must.get(text)))
      ) {
        inFlux += 1;
        continue;
      }
      compared += 1;
      const what = rowsDifference(model.projection, is.get(text), must.get(text));
      if (what === null) continue;
      const lsn = formatLsn(watermarkLsn as Lsn);
      this.#breach('I4', `a reader of ${name} with token ${lsn}: row ${shownCells(key)} ${what}`);
    }
    this.counts.rowsCompared += compared;
    this.counts.rowsInFlux += inFlux;
    if (compared > 0) this.counts.conclusive += 1;
    if (inFlux === 0) this.counts.whole += 1;
  }

  /** By partition, up to where the facts as of the LSN hold for certain. */
  #boundsOf(lsn: number): readonly number[] {
    return Array.from({ length: this.#events.partitions }, (_, partition) => {
      const standing = this.#events.watermarks(partition);
      return standing.findLast((watermark) => watermark.lsn <= lsn)?.position ?? -1;
    });
  }

  /** What had been delivered before the watermarks that stand there; it may be more than their LSNs say. */
  #deliveredAt(model: ModelEffects, bounds: readonly number[]): readonly ShownRows[] {
    return [...new Set(bounds)].flatMap((position) => {
      const facts = this.#events.promisedAt(position);
      return facts === null ? [] : [readModelOfFacts(model.projection, facts)];
    });
  }

  #expected(model: ModelEffects, lsn: number, facts: readonly Fact[]): ShownRows {
    const of = `${model.projection.name} ${lsn}`;
    if (this.#known?.of !== of) {
      this.#known = { of, rows: readModelOfFacts(model.projection, facts) };
    }
    return this.#known.rows;
  }
}
