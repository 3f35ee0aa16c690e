import { describeGenerationStoreContract } from './generations.contract.ts';
import { MemoryGenerations } from './memory-generations.ts';

describeGenerationStoreContract('in memory', {
  open: async (nowMs) => new MemoryGenerations({ nowMs }),
  runs: 300,
});
