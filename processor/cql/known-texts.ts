/**
 * Which large texts the store has seen in its containers, so that a row which changes around its
 * text does not write that again. What is remembered of a container holds only as long as nobody
 * else wrote to it: `confirm` compares the position that the database gave with the one expected,
 * and forgets the container when they differ. Bounded by a number of texts (I10).
 */
import { createHash } from 'node:crypto';
import type { StoredText } from './state-statements.ts';

export type KnownText = { readonly hash: string; readonly text: StoredText };

type KnownContainer = { position: number; readonly texts: Map<string, KnownText> };

export class KnownTexts {
  private readonly textsMax: number;
  /** Least recently used first. */
  private readonly containers = new Map<string, KnownContainer>();
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

  /** The row's text as it was read, with its container at that position. */
  putRead(container: string, key: string, known: KnownText, position: number): void {
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
