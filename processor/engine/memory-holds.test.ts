import { MemoryHolds } from './memory-holds.ts';
import { describeHoldStoreContract } from './totals-holds.contract.ts';

describeHoldStoreContract('in memory', async (nowMs) => new MemoryHolds({ nowMs }));
