/**
 * What main.ts hands to a command: everything that comes from outside of the program. A command is
 * wiring: it builds the parts from the configuration, runs one, and answers the exit code.
 */
import type { Config, DescribedSetting } from '../config.ts';
import type { Until } from '../engine/generations.ts';
import type { Logger } from '../logger.ts';
import type { Projection } from '../projection/projection.ts';

export type CommandContext = {
  readonly config: Config;
  /** Every setting as people may see it. */
  readonly settings: () => readonly DescribedSetting[];
  readonly log: Logger;
  /** Writes to stdout, which carries the command's result and nothing else. Adds the line's end. */
  readonly print: (text: string) => void;
  /** `--json`: print JSON for programs in place of text for people. */
  readonly json: boolean;
  /** stdout is a terminal. */
  readonly interactive: boolean;
  /** Aborted by the first SIGTERM or SIGINT: finish what is in hand, then return. */
  readonly signal: AbortSignal;
};

/** Options as commander parsed them; each command has some of them. */
export type CommandOptions = {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly check?: boolean;
  readonly group?: string;
  /** Seconds; true for the option without a number. */
  readonly watch?: number | true;
  /** Seconds. */
  readonly wait?: number;
  readonly settled?: boolean;
  /** A generation's number, or its table's name. */
  readonly generation?: string;
  readonly back?: boolean;
  readonly asIs?: boolean;
  readonly acceptDeadLetters?: boolean;
  /** Of a replay. */
  readonly concurrency?: number;
  readonly threads?: number;
  readonly eventsPerSecondMax?: number;
  readonly until?: Until;
  readonly dryRun?: boolean;
  readonly keep?: number;
  readonly verify?: boolean;
  readonly promote?: boolean;
  readonly replayOnUpgrade?: boolean;
  /** Of the event store. */
  readonly session?: string;
  readonly follow?: boolean;
  readonly memoryMibMax?: number;
  /** Of a verification: a share from 0 to 1; milliseconds since 1970; seconds. */
  readonly sample?: number;
  readonly account?: string;
  readonly since?: number;
  readonly repair?: boolean;
  readonly continuous?: boolean;
  readonly interval?: number;
  /** Seconds. */
  readonly timeout?: number;
  /** The former name of `settled`. */
  readonly retried?: boolean;
};

export type CommandArguments = {
  /** Those that the command line asks for; none for a command that does not take any. */
  readonly projections: readonly Projection[];
  /** As given, for a command that takes names of something else. */
  readonly names: readonly string[];
  readonly options: CommandOptions;
};

/** 0: done; 1: it failed, or found what it looks for; 2: usage or configuration. */
export type ExitCode = 0 | 1 | 2;

export type CommandRun = (context: CommandContext, args: CommandArguments) => Promise<ExitCode>;
