/** A log whose consumers hand their batches over in another way: what throttling and cutting share. */
import type { ConsumerHandlers, Log } from '../kafka/log.ts';

export function consumedLog(
  log: Log,
  changed: (handlers: ConsumerHandlers) => ConsumerHandlers,
): Log {
  return {
    admin: () => log.admin(),
    producer: () => log.producer(),
    consumer: async (group, topic) => {
      const consumer = await log.consumer(group, topic);
      return {
        run: (handlers) => consumer.run(changed(handlers)),
        restart: () => consumer.restart(),
        commit: (epoch, offsets) => consumer.commit(epoch, offsets),
        stop: () => consumer.stop(),
      };
    },
  };
}
