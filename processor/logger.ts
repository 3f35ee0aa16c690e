/**
 * Logs: one JSON object a line on stderr for machines, one short line for people when stderr is a
 * terminal. stdout belongs to a command's result. Parts take a `Logger`, never pino itself, so a
 * test can pass one that collects.
 */
import pino from 'pino';
import type { LogLevel } from './log-level.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  /** The same logger with fields that every line carries. */
  child(fields: Fields): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

export type LogStream = { write(line: string): unknown };

export function createLogger(options: {
  readonly level: LogLevel;
  readonly pretty: boolean;
  readonly stream: LogStream;
  readonly fields?: Fields;
}): Logger {
  const { level, pretty, stream } = options;
  return pino(
    {
      level,
      base: { ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A stack helps whoever debugs; others get the sentence and its code.
      serializers: { err: level === 'debug' ? pino.stdSerializers.err : briefError },
    },
    pretty ? { write: (line: string) => stream.write(prettyLine(line)) } : stream,
  );
}

function briefError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const code = 'code' in thrown ? { code: thrown.code } : {};
  const cause = thrown.cause instanceof Error ? { cause: thrown.cause.message } : {};
  return { message: thrown.message, ...code, ...cause };
}

/** `12:03:44.120 warn  message  key=value …` */
export function prettyLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${shown(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${rest.join('')}\n`;
}

function shown(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}
