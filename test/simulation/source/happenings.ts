/** All that scripts are there to bring about: one that never happens is a model that has lost it. */
export const sourceHappenings: readonly string[] = [
  'source: a change was delivered after one of a higher LSN',
  'source: a key was changed',
  'source: a snapshot began',
  'source: a snapshot found nothing',
  'source: a snapshot had no first mark',
  'source: a snapshot was begun anew',
  'source: a statement would have waited for another transaction',
  'source: a table was truncated',
  'source: a transaction with changes was open at a snapshot',
  'source: a transaction with changes was rolled back',
  'source: garbage was appended',
  'source: records were delivered again',
  'source: records were delivered again from the middle of a transaction',
  'source: rows shared an LSN',
  'source: the slot was lost',
];
