/**
 * The bytes of records that a worker holds, bounded (I10). Whoever brings more waits its turn:
 * that wait is the back-pressure that makes a slow database slow the reading. One request larger
 * than the whole budget is let in alone, so that a large record can't block its partition for ever.
 */

type Waiter = { readonly bytes: number; readonly enter: (granted: boolean) => void };

export class ByteBudget {
  readonly #bytesMax: number;
  #used = 0;
  #waiting: Waiter[] = [];
  readonly #onShort = new Set<() => void>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Somebody waits for room. */
  get isShort(): boolean {
    return this.#waiting.length > 0;
  }

  /** Calls whenever somebody has to wait for room; answers what ends that. */
  whenShort(call: () => void): () => void {
    this.#onShort.add(call);
    return () => this.#onShort.delete(call);
  }

  /** In the order of asking; false when the signal aborted first, and nothing was taken. */
  acquire(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#used += bytes;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        bytes,
        enter: (granted) => {
          signal.removeEventListener('abort', leave);
          resolve(granted);
        },
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        waiter.enter(false);
        this.#admit();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiter);
      for (const call of this.#onShort) call();
    });
  }

  release(bytes: number): void {
    this.#used -= bytes;
    this.#admit();
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytesMax;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.bytes)) return;
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter(true);
    }
  }
}
