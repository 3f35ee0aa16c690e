import { describeLogContract } from '../../../processor/kafka/log.contract.ts';
import { openCalm } from '../calm.ts';
import { Process } from '../process.ts';
import { SimulatedKafka } from './simulated-kafka.ts';

describeLogContract('simulated', async () => {
  const { network, scheduler, dice, process, close } = openCalm();
  const options = { fetchRecordsMax: 1000, expiryHeardMs: Number.POSITIVE_INFINITY };
  const kafka = new SimulatedKafka({ network, scheduler, dice, options });
  let names = 0;
  return {
    open: async () => kafka.log(process),
    close,
    unique: (prefix) => `${prefix}-${names++}`,
    beyondSessionMs: 0,
    contested: async () => {
      const former = new Process('former');
      return {
        former: kafka.log(former),
        latter: kafka.log(new Process('latter')),
        expire: () => kafka.expire(former),
      };
    },
    silenceable: async () => ({ log: kafka.log(process), silence: () => kafka.silence(process) }),
  };
});
