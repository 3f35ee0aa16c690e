/** A connection for those who can wait: opened on first use, and anew on the next one after a failure. */

export function reopening<T extends { close(): Promise<void> }>(open: () => Promise<T>) {
  let opened: Promise<T> | undefined;
  return {
    get: (): Promise<T> => {
      if (opened === undefined) {
        const attempt = open();
        opened = attempt;
        attempt.catch(() => {
          if (opened === attempt) opened = undefined;
        });
      }
      return opened;
    },
    close: async (): Promise<void> => {
      // What never opened has nothing to close.
      const resource = await opened?.catch(() => undefined);
      await resource?.close();
    },
  };
}
