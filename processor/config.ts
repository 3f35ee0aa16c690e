/**
 * Configuration: the environment against the settings table (config/settings-table.ts), all errors
 * at once. Pure: main.ts passes the environment and what the command line overrides.
 *
 * An empty variable counts as unset, since Compose and Helm write those for "no value".
 */
import { z } from 'zod';
import { expected, type Setting, type SettingType } from './config/setting.ts';
import { type GroupName, type SettingsTable, settingsTable } from './config/settings-table.ts';
import { lateEventGrowth } from './conversation/limits.ts';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

export type Config = {
  readonly [Group in GroupName]: {
    readonly [Name in keyof SettingsTable[Group]]: ValueOf<SettingsTable[Group][Name]>;
  };
};

export type ConfigError = { readonly setting: string; readonly message: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export type LoadedConfig =
  | { readonly config: Config; readonly errors?: never }
  | { readonly config?: never; readonly errors: readonly ConfigError[] };

/** `overrides`: what options of the command line say, by the variable that they replace. */
export function loadConfig(env: Environment, overrides: Environment = {}): LoadedConfig {
  const errors: ConfigError[] = [];
  const groups: Record<string, Record<string, unknown>> = {};
  for (const { group, name, setting } of allSettings()) {
    const { raw, origin } = rawValue(setting, env, overrides);
    const parsed = schemaOf(setting.type).safeParse(raw);
    if (!parsed.success) errors.push(errorOf(setting, raw, origin));
    groups[group] = { ...groups[group], [name]: parsed.data };
  }
  if (errors.length > 0) return { errors };
  // Sound: allSettings gives every setting of the table, and each was parsed by its own type.
  const config = groups as Config;
  const contradictions = contradictionsIn(config);
  return contradictions.length > 0 ? { errors: contradictions } : { config };
}

export type SettingOrigin = 'default' | 'environment' | 'option';

export type DescribedSetting = {
  readonly group: GroupName;
  readonly env: string;
  /** Secrets are masked, also inside of addresses. */
  readonly value: string;
  readonly origin: SettingOrigin;
  readonly about: string;
};

/** Every setting with its value as people may see it, whether or not it is valid. */
export function describeConfig(
  env: Environment,
  overrides: Environment = {},
): readonly DescribedSetting[] {
  return allSettings().map(({ group, setting }) => {
    const { raw, origin } = rawValue(setting, env, overrides);
    return { group, env: setting.env, value: masked(setting, raw), origin, about: setting.about };
  });
}

/** Variables that look like a setting with a slip of the pen. */
export function misspelled(
  env: Environment,
): readonly { readonly variable: string; readonly meant: string }[] {
  const known = allSettings().map(({ setting }) => setting.env);
  return Object.keys(env)
    .filter((name) => name.startsWith('TURNSTREAM_') && !known.includes(name))
    .flatMap((variable) => {
      const meant = known.find((name) => withinOneEdit(variable, name));
      return meant === undefined ? [] : [{ variable, meant }];
    });
}

export function allSettings(): readonly {
  readonly group: GroupName;
  readonly name: string;
  readonly setting: Setting;
}[] {
  return (Object.keys(settingsTable) as GroupName[]).flatMap((group) =>
    Object.entries<Setting>(settingsTable[group]).map(([name, setting]) => ({
      group,
      name,
      setting,
    })),
  );
}

function rawValue(
  setting: Setting,
  env: Environment,
  overrides: Environment,
): { readonly raw: string; readonly origin: SettingOrigin } {
  const option = overrides[setting.env];
  if (option !== undefined) return { raw: option, origin: 'option' };
  const variable = env[setting.env];
  if (variable !== undefined && variable !== '') return { raw: variable, origin: 'environment' };
  return { raw: setting.default, origin: 'default' };
}

function schemaOf(type: SettingType): z.ZodType {
  switch (type.kind) {
    case 'text':
      return type.pattern === undefined ? z.string() : z.string().regex(type.pattern);
    case 'integer':
      return z
        .string()
        .regex(/^\d{1,16}$/)
        .transform(Number)
        .pipe(z.int().min(type.min).max(type.max));
    case 'choice':
      return z.enum(type.options);
    case 'list':
      return z
        .string()
        .transform((value) => value.split(',').map((item) => item.trim()))
        .pipe(z.array(z.string().regex(type.item)).min(1));
    case 'url':
      return z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ''));
  }
}

function errorOf(setting: Setting, raw: string, origin: SettingOrigin): ConfigError {
  const name = origin === 'option' ? `${setting.flag} (${setting.env})` : setting.env;
  const value = raw === '' ? 'it is empty' : `it is "${masked(setting, raw)}"`;
  return { setting: setting.env, message: `${name} must be ${expected(setting.type)}; ${value}.` };
}

function masked(setting: Setting, raw: string): string {
  if (setting.secret === true) return raw === '' ? '' : '********';
  if (setting.type.kind !== 'url') return raw;
  return raw.replace(/\/\/[^/@\s]*@/, '//********@');
}

/** Rules between settings. */
function contradictionsIn(config: Config): readonly ConfigError[] {
  const errors: ConfigError[] = [];
  const rule = (holds: boolean, setting: Setting, message: string) => {
    if (!holds) errors.push({ setting: setting.env, message: `${setting.env} ${message}` });
  };
  const { cql, kafka, postgres, sequencer } = settingsTable;
  rule(
    config.kafka.heartbeatIntervalMs * 3 <= config.kafka.sessionTimeoutMs,
    kafka.heartbeatIntervalMs,
    `must be at most a third of ${kafka.sessionTimeoutMs.env} (${config.kafka.sessionTimeoutMs}); it is ${config.kafka.heartbeatIntervalMs}.`,
  );
  rule(
    config.kafka.fetchStalledMsMax >= config.kafka.sessionTimeoutMs * 2,
    kafka.fetchStalledMsMax,
    `must be at least twice ${kafka.sessionTimeoutMs.env} (${config.kafka.sessionTimeoutMs}); it is ${config.kafka.fetchStalledMsMax}.`,
  );
  rule(
    config.kafka.fetchBytesMax >= config.kafka.recordBytesMax,
    kafka.fetchBytesMax,
    `must be at least ${kafka.recordBytesMax.env} (${config.kafka.recordBytesMax}); it is ${config.kafka.fetchBytesMax}.`,
  );
  rule(
    config.kafka.saslMechanism === 'none' || config.kafka.saslUser !== '',
    kafka.saslUser,
    `must be set, since ${kafka.saslMechanism.env} is ${config.kafka.saslMechanism}.`,
  );
  for (const group of ['sequencer', 'worker'] as const) {
    const { retryDelayMsMin, retryDelayMsMax } = settingsTable[group];
    rule(
      config[group].retryDelayMsMin <= config[group].retryDelayMsMax,
      retryDelayMsMin,
      `must be at most ${retryDelayMsMax.env} (${config[group].retryDelayMsMax}); it is ${config[group].retryDelayMsMin}.`,
    );
  }
  // A step's text and its session's title go into one batch with what they are counted in.
  rule(
    config.sequencer.contentInlineBytesMax * 3 <= config.cql.batchBytesMax,
    sequencer.contentInlineBytesMax,
    `must be at most a third of ${cql.batchBytesMax.env} (${config.cql.batchBytesMax}); it is ${config.sequencer.contentInlineBytesMax}.`,
  );
  rule(
    config.sequencer.containerBytesMax <= config.sequencer.cacheBytesMax,
    sequencer.containerBytesMax,
    `must be at most ${sequencer.cacheBytesMax.env} (${config.sequencer.cacheBytesMax}); it is ${config.sequencer.containerBytesMax}.`,
  );
  rule(
    config.sequencer.eventBytesTarget * lateEventGrowth <= config.kafka.recordBytesMax,
    sequencer.eventBytesTarget,
    `must be at most a ${lateEventGrowth}th of ${kafka.recordBytesMax.env} (${config.kafka.recordBytesMax}); it is ${config.sequencer.eventBytesTarget}.`,
  );
  const { sessionsTable, humanTurnsTable, agentTurnsTable, stepsTable } = config.postgres;
  const tables = [sessionsTable, humanTurnsTable, agentTurnsTable, stepsTable];
  rule(
    new Set(tables).size === tables.length,
    postgres.sessionsTable,
    `must differ from the names of the other tables; the four are ${tables.join(', ')}.`,
  );
  const topics = [
    config.kafka.changesTopic,
    config.kafka.eventsTopic,
    config.kafka.deadLettersTopic,
  ];
  rule(
    new Set(topics).size === topics.length,
    kafka.eventsTopic,
    `must differ from the other topics; the three are ${topics.join(', ')}.`,
  );
  return errors;
}

/** Whether one insertion, deletion or exchange of a letter makes one text of the other. */
function withinOneEdit(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  return restA.slice(1) === restB || restA === restB.slice(1) || restA.slice(1) === restB.slice(1);
}
