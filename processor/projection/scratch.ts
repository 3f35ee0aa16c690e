/**
 * A list that is filled and emptied for every entry of a batch and keeps its memory in between: an array
 * whose length is set to 0 gives it back. What it held stays reachable until something else takes its place.
 */
export class Scratch<Item> {
  readonly #items: Item[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Undefined beyond the end. */
  at(index: number): Item | undefined {
    return index < this.#size ? this.#items[index] : undefined;
  }

  add(item: Item): void {
    this.#items[this.#size] = item;
    this.#size += 1;
  }

  addAll(items: readonly Item[]): void {
    for (const item of items) this.add(item);
  }

  /** Those behind it move up; none when there is no such index. */
  remove(index: number): void {
    if (index < 0 || index >= this.#size) return;
    this.#size -= 1;
    for (let at = index; at < this.#size; at += 1) this.#items[at] = this.#items[at + 1] as Item;
  }

  clear(): void {
    this.#size = 0;
  }
}
