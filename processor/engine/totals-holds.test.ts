import { describeHoldStoreContract } from './totals-holds.contract.ts';
import { MemoryHolds } from './totals-holds.ts';

describeHoldStoreContract('in memory', async (nowMs) => new MemoryHolds({ nowMs }));
