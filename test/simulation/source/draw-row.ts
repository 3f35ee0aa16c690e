/**
 * Rows drawn from few values, so that they meet: the same keys again and again, parents that are
 * missing, of the wrong kind or in a circle, times that are equal, types outside of the enum.
 */
import type { SourceTable } from '../../../processor/source/row-change.ts';
import type { Dice } from '../dice.ts';
import { type Cell, type Columns, moments } from './rows.ts';
import type { SourceKnobs } from './source-knobs.ts';

export type RowRange = {
  readonly knobs: SourceKnobs;
  readonly sessions: number;
  readonly turns: number;
  readonly idxMax: number;
};

const tpes = [0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, -1];
const instants = [...moments.keys()];
const largeChars = [40, 41, 300, 1500];

export class RowDice {
  readonly #dice: Dice;
  readonly #range: RowRange;

  constructor(dice: Dice, range: RowRange) {
    this.#dice = dice;
    this.#range = range;
  }

  table(): SourceTable {
    const roll = this.#dice.below(10);
    if (roll === 0) return 'sessions';
    if (roll < 3) return 'human_turns';
    return roll < 5 ? 'agent_turns' : 'steps';
  }

  key(table: SourceTable): Columns {
    if (table === 'steps') return { agent_turn_uid: this.#turn('a'), idx: this.#idx() };
    if (table === 'sessions') return { uid: this.session() };
    return { uid: this.#turn(table === 'human_turns' ? 'h' : 'a') };
  }

  row(table: SourceTable): Columns {
    return { ...this.key(table), ...this.cells(table) };
  }

  /** All columns but the key. */
  cells(table: SourceTable): Columns {
    switch (table) {
      case 'sessions':
        return { account_uid: this.account(), title: this.#text() };
      case 'human_turns':
        return { ...this.#turnCells('a', 'h'), prompt: this.#text(), created_at: this.#moment() };
      case 'agent_turns':
        return { ...this.#turnCells('h', 'a'), created_at: this.#moment() };
      case 'steps':
        return {
          tpe: this.#orNull(() => this.#dice.pick(tpes)),
          content: this.#text(),
          created_at: this.#moment(),
        };
    }
  }

  /** Some columns but the key, at least one. */
  someCells(table: SourceTable): Columns {
    const entries = Object.entries(this.cells(table));
    const one = this.#dice.below(entries.length);
    const some = entries.filter((_, at) => at === one || this.#dice.chance(0.2));
    return Object.fromEntries(some);
  }

  session(): string {
    const { knobs, sessions } = this.#range;
    if (this.#dice.chance(knobs.firstSession)) return 's1';
    return `s${this.#dice.int(1, Math.min(knobs.uids, sessions))}`;
  }

  account(): string | null {
    return this.#orNull(() => this.#dice.pick(['acc-1', 'acc-2', 'acc-3']));
  }

  sessionOrNull(): string | null {
    return this.#orNull(() => this.session());
  }

  #turnCells(parent: 'h' | 'a', self: 'h' | 'a'): Columns {
    return {
      session_uid: this.sessionOrNull(),
      parent_uid: this.#parent(parent, self),
      active_child: this.#orNull(() => this.#turn(parent)),
    };
  }

  #parent(parent: 'h' | 'a', self: 'h' | 'a'): string | null {
    const roll = this.#dice.below(20);
    if (roll < 4) return null;
    if (roll === 4) return 'nobody';
    return roll === 5 ? this.#turn(self) : this.#turn(parent);
  }

  #turn(role: 'h' | 'a'): string {
    const { knobs, turns } = this.#range;
    if (this.#dice.chance(knobs.shared)) return 'x1';
    return `${role}${this.#dice.int(1, Math.min(knobs.uids, turns))}`;
  }

  #idx(): number {
    return this.#dice.int(-1, this.#range.idxMax);
  }

  #moment(): string | null {
    return this.#orNull(() => this.#dice.pick(instants));
  }

  #text(): string | null {
    if (this.#dice.chance(this.#range.knobs.large)) return this.#largeText();
    return this.#orNull(() =>
      this.#dice.pick(['', 'short', `{"text":"${this.#dice.below(10)}"}`, '{"te', 'naïve 🌘']),
    );
  }

  #largeText(): string {
    return `${this.#dice.below(100)} large `.padEnd(this.#dice.pick(largeChars), 'abcdefgh ');
  }

  #orNull<T extends Cell>(draw: () => T): T | null {
    return this.#dice.chance(this.#range.knobs.nulls) ? null : draw();
  }
}
