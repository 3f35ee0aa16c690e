/**
 * One signal for several. `AbortSignal.any` keeps what it made for as long as a source lives; these are let go.
 * An abort that came before the listening counts: a listener alone would wait for one that never comes.
 */
export type AnySignal = {
  readonly signal: AbortSignal;
  /** Aborts it by itself. */
  readonly abort: () => void;
  /** No longer listens to the sources. */
  readonly release: () => void;
};

export function anySignal(...sources: readonly AbortSignal[]): AnySignal {
  const any = new AbortController();
  const abort = () => any.abort();
  for (const source of sources) {
    if (source.aborted) abort();
    source.addEventListener('abort', abort, { once: true });
  }
  const release = () => {
    for (const source of sources) source.removeEventListener('abort', abort);
  };
  return { signal: any.signal, abort, release };
}

/** Resolves when it aborts, or has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
