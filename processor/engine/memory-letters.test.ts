import { describeDeadLetterStoreContract } from './dead-letter-store.contract.ts';
import { MemoryLetters } from './memory-letters.ts';

describeDeadLetterStoreContract('in memory', async () => new MemoryLetters());
