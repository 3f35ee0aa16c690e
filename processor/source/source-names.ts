/**
 * What a customer calls the four tables. Inside of Turnstream each has one name (SourceTable); only what speaks to
 * Postgres, and the connector's configuration, know the customer's. Pure.
 */
import type { SourceTable } from './row-change.ts';

/** Names in Postgres, without the schema and without quotes. */
export type SourceNames = Readonly<Record<SourceTable, string>>;

/** As the settings have them. */
export type NamedTables = {
  readonly sessionsTable: string;
  readonly humanTurnsTable: string;
  readonly agentTurnsTable: string;
  readonly stepsTable: string;
};

export function sourceNames(settings: NamedTables): SourceNames {
  return {
    sessions: settings.sessionsTable,
    human_turns: settings.humanTurnsTable,
    agent_turns: settings.agentTurnsTable,
    steps: settings.stepsTable,
  };
}
