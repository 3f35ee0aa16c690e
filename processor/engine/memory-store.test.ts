import { MemoryStore } from './memory-store.ts';
import { describeStoreContract } from './store.contract.ts';

describeStoreContract('in memory', async () => {
  const store = new MemoryStore();
  return {
    store,
    checkpoints: store,
    rows: async (model) => store.rows(model),
    totals: async (model) => store.totals(model),
  };
});
