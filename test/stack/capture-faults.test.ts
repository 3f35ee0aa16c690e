/** Connect killed by -9 in the middle of large statements, in short; test/chaos/ has the long form. */
import { describeCaptureFaults } from './support/capture-faults.suite.ts';
import { chaosSeed } from './support/faults.ts';

describeCaptureFaults({
  delivery: 'at-least-once',
  copyRows: 50_000,
  transactionRows: 0,
  kills: 2,
  seed: chaosSeed('capture faults'),
});
