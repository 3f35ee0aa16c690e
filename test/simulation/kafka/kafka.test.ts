import { describeLogContract } from '../../../processor/kafka/log.contract.ts';
import { openCalm } from '../calm.ts';
import { SimulatedKafka } from './simulated-kafka.ts';

describeLogContract('simulated', async () => {
  const { network, scheduler, dice, process, close } = openCalm();
  const kafka = new SimulatedKafka({
    network,
    scheduler,
    dice,
    options: { fetchRecordsMax: 1000 },
  });
  let names = 0;
  return {
    open: async () => kafka.log(process),
    close,
    unique: (prefix) => `${prefix}-${names++}`,
    beyondSessionMs: 0,
  };
});
