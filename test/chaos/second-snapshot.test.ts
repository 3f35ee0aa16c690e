/** A lost slot, a fresh topic of changes, emptied tables: capture begins anew under load. */
import { chaosSeed } from '../stack/support/faults.ts';
import { describeSecondSnapshot } from '../stack/support/second-snapshot.suite.ts';

describeSecondSnapshot('second snapshots', {
  seed: chaosSeed('second snapshots'),
  rowsPerSecondMax: 500,
  changes: 3_000,
  steps: 10_000,
  more: true,
});
