/**
 * The total order of everything (DESIGN 3.2): `position = base + rawOffset × 1024 + ordinal`.
 * rawOffset is the record's offset in `turnstream.changes`, ordinal numbers the events that one
 * change causes, base is raised by an operator when `changes` is recreated. Positions are the
 * CQL write timestamps of all read models (I9): unique, totally ordered, below 2^53.
 */

export type Position = number & { readonly __brand: 'Position' };

export const ordinalsPerRecord = 1024;

/** The first position of a record; its events use this one and the 1023 above it. */
export function positionOf(base: number, rawOffset: number, ordinal = 0): Position {
  return (base + rawOffset * ordinalsPerRecord + ordinal) as Position;
}
