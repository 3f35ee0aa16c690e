/**
 * Every setting of the generator once: type, unit, default, bounds. The defaults of the shape are
 * the measured distributions of public chat logs where there are any (turns, think time, lengths)
 * and stated assumptions where there are none (regenerated, edited, unanswered, corrected, …).
 */
import { z } from 'zod';
import { TurnstreamError } from '../processor/error.ts';

const ratio = (fallback: number) => z.number().min(0).max(1).default(fallback);
const count = (fallback: number, max = 100_000_000) =>
  z.number().int().min(0).max(max).default(fallback);

const shapeSchema = z.strictObject({
  /** Same seed, same settings: same rows. */
  seed: count(1, 2 ** 48),
  /** How many conversations. */
  sessions: count(2000),
  /** Number of the first one: a second run may go on where the first stopped. */
  firstSession: count(0),
  /** 0: a tenth of the sessions. A few accounts have most of them. */
  accounts: count(0),
  /** The moment, in ms since 1970, at which the simulated time ends; nothing is later. */
  endAtMs: z.number().int().min(0).max(4_102_444_800_000),
  /** Sessions start in these hours before the end, more by day than by night. */
  spanHours: z.number().min(0.01).max(8760).default(24),
  /** Rounds of question and answer in one conversation, at most. */
  roundsMax: z.number().int().min(1).max(100_000).default(1000),
  /** Share of conversations that an agent-like client drives: median 16 rounds, heavy tail. */
  agenticRatio: ratio(0.01),
  /** Share of human turns with more than one answer. */
  regeneratedRatio: ratio(0.12),
  /** Share of rounds whose question was worded again (a sibling). */
  editedRatio: ratio(0.06),
  /** Share of human turns without an agent turn. */
  unansweredRatio: ratio(0.02),
  /** Share of agent turns that end with a question to the person. */
  inputRequestRatio: ratio(0.05),
  /** Share of agent turns one of whose steps is corrected later. */
  correctedRatio: ratio(0.03),
  deletedSessionRatio: ratio(0.01),
  movedSessionRatio: ratio(0.01),
  /** Share of conversations that write each step in its own transaction; others a turn in one. */
  streamedRatio: ratio(0.6),
  /** Share of steps whose clock is a little behind the step's before it. */
  skewedRatio: ratio(0.002),
  /** Share of steps with a type outside of the enumeration. */
  unknownTypeRatio: ratio(0.0005),
  /** Share of text steps of `hugeTextChars` characters. */
  hugeTextRatio: ratio(0.001),
  hugeTextChars: z.number().int().min(1).max(10_000_000).default(100_000),
});

const runSchema = z.strictObject({
  /** Row changes a second, at most; 0: as fast as Postgres takes them. */
  rowsPerSecondMax: count(0, 1_000_000),
  /** Transactions in flight, each on its own connection. */
  concurrency: z.number().int().min(1).max(500).default(16),
  /** Simulated seconds that pass in one second; 0: the rate alone paces. */
  speed: z.number().min(0).max(1_000_000_000).default(0),
  /** Row changes of every odd kind, applied to the first half while the second half streams. */
  mixedChanges: count(0, 10_000_000),
});

const settingsSchema = shapeSchema.extend(runSchema.shape);

export type ShapeSettings = z.infer<typeof shapeSchema>;
export type Settings = z.infer<typeof settingsSchema>;
export type Options = z.input<typeof settingsSchema>;

/** Throws one CONFIGURATION error that names every wrong setting. */
export function parseSettings(options: Options): Settings {
  const parsed = settingsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TurnstreamError(
    'CONFIGURATION',
    `The generator's settings are wrong:\n${parsed.error.issues
      .map((issue) => `  ${issue.path.join('.') || 'settings'}: ${issue.message}`)
      .join('\n')}\nCorrect them and start again.`,
  );
}
