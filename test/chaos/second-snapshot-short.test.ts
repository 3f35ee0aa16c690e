/** A lost slot under load, in short; test/chaos/ has the long form. */
import { chaosSeed } from '../stack/support/faults.ts';
import { describeSecondSnapshot } from '../stack/support/second-snapshot.suite.ts';

describeSecondSnapshot('a second snapshot', {
  seed: chaosSeed('a second snapshot'),
  rowsPerSecondMax: 400,
  changes: 400,
  steps: 1_000,
});
