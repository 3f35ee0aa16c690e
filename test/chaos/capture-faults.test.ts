/** Connect killed by -9 in the middle of large statements, in both modes of delivery. */
import { describeCaptureFaults } from '../stack/support/capture-faults.suite.ts';
import { chaosSeed } from '../stack/support/faults.ts';

const seed = chaosSeed('capture faults');
const sizes = { copyRows: 100_000, transactionRows: 50_000, kills: 4, seed };

describeCaptureFaults({ delivery: 'at-least-once', ...sizes });
describeCaptureFaults({ delivery: 'exactly-once', ...sizes });
