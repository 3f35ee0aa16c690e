/**
 * Which large texts the store has seen in its containers, so that a row which changes around its
 * text does not write that again. What is remembered of a container holds only as long as nobody
 * else wrote to it: `confirm` compares the position that the database gave with the one expected,
 * and forgets the container when they differ. What a read brings that was under way together with a
 * write may be from before it, and is not remembered. Bounded by a number of texts (I10).
 */
import { createHash } from 'node:crypto';
import type { StoredText } from './state-statements.ts';

export type KnownText = { readonly hash: string; readonly text: StoredText };

/** A read of a container's rows, from its beginning to its end. `isOld`: a write was under way too. */
export type RowsRead = { readonly container: string; isOld: boolean };

type KnownContainer = { position: number; readonly texts: Map<string, KnownText> };

export class KnownTexts {
  private readonly textsMax: number;
  /** Least recently used first. */
  private readonly containers = new Map<string, KnownContainer>();
  private readonly reads = new Map<string, Set<RowsRead>>();
  private readonly writing = new Set<string>();
  private texts = 0;

  constructor(textsMax: number) {
    this.textsMax = textsMax;
  }

  get(container: string, key: string): KnownText | undefined {
    return this.containers.get(container)?.texts.get(key);
  }

  /** The database says that the container is at this position. */
  confirm(container: string, position: number): void {
    const known = this.containers.get(container);
    if (known === undefined || known.position === position) return;
    this.forget(container);
  }

  beginRead(container: string): RowsRead {
    const read = { container, isOld: this.writing.has(container) };
    const reads = this.reads.get(container) ?? new Set();
    this.reads.set(container, reads.add(read));
    return read;
  }

  endRead(read: RowsRead): void {
    const reads = this.reads.get(read.container);
    reads?.delete(read);
    if (reads?.size === 0) this.reads.delete(read.container);
  }

  /** One at a time for each container. */
  beginWrite(container: string): void {
    this.writing.add(container);
    for (const read of this.reads.get(container) ?? []) read.isOld = true;
  }

  endWrite(container: string): void {
    this.writing.delete(container);
  }

  /** The row's text as it was read, with its container at that position. */
  putRead({ container, isOld }: RowsRead, key: string, known: KnownText, position: number): void {
    if (isOld) return;
    this.confirm(container, position);
    this.put(container, key, known, position);
  }

  /** The row's text as it is written with a segment of that position. */
  put(container: string, key: string, known: KnownText, position: number): void {
    const old = this.containers.get(container);
    const target = old ?? { position, texts: new Map<string, KnownText>() };
    this.containers.delete(container);
    this.containers.set(container, target);
    target.position = Math.max(target.position, position);
    if (!target.texts.has(key)) this.texts += 1;
    target.texts.set(key, known);
    for (const [oldest] of this.containers) {
      if (this.texts <= this.textsMax || oldest === container) break;
      this.forget(oldest);
    }
    // One container alone may hold too many.
    if (this.texts > this.textsMax) this.forget(container);
  }

  remove(container: string, key: string): void {
    if (this.containers.get(container)?.texts.delete(key) === true) this.texts -= 1;
  }

  /** This store itself moved the container on. */
  advance(container: string, position: number): void {
    const known = this.containers.get(container);
    if (known !== undefined) known.position = Math.max(known.position, position);
  }

  forget(container: string): void {
    this.texts -= this.containers.get(container)?.texts.size ?? 0;
    this.containers.delete(container);
  }
}

export function hashOf(text: Buffer): string {
  return createHash('sha256').update(text).digest('base64');
}
