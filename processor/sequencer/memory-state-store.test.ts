import { MemoryStateStore } from './memory-state-store.ts';
import { describeStateStoreContract } from './state-store.contract.ts';

describeStateStoreContract('in memory', async () => new MemoryStateStore());
