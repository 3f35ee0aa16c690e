/**
 * What a setting is, as data: config.ts parses with it, `--help`, `turnstream config` and
 * docs/settings.md print it. Free of any library, so that `--help` is quick.
 */

export type SettingType =
  | { readonly kind: 'text'; readonly pattern?: RegExp; readonly like?: string }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly options: readonly string[] }
  | { readonly kind: 'list'; readonly item: RegExp; readonly like: string }
  | { readonly kind: 'url' };

export type Setting<T = unknown> = {
  readonly env: string;
  readonly type: SettingType;
  /** As the environment would say it; '' for none. */
  readonly default: string;
  readonly about: string;
  /** The long option that overrides the environment, for the settings that people change often. */
  readonly flag?: string;
  /** Never printed. */
  readonly secret?: boolean;
  /** A phantom: carries the type, is never set. */
  readonly value?: T;
};

type Extra = { readonly flag?: string; readonly secret?: boolean };

export function text(
  env: string,
  fallback: string,
  about: string,
  extra: Extra & { readonly pattern?: RegExp; readonly like?: string } = {},
): Setting<string> {
  const { pattern, like, ...rest } = extra;
  const type = {
    kind: 'text' as const,
    ...(pattern === undefined ? {} : { pattern }),
    ...(like === undefined ? {} : { like }),
  };
  return { env, type, default: fallback, about, ...rest };
}

/** A name as Postgres and CQL take it without quotes. */
export function identifier(env: string, fallback: string, about: string): Setting<string> {
  return text(env, fallback, about, {
    pattern: /^[a-z_][a-z0-9_]{0,47}$/,
    like: 'a lower-case name of letters, digits and _ (at most 48)',
  });
}

/** Of a table: what Debezium and Postgres take as it is, capitals in quotes. */
export function table(env: string, fallback: string, about: string): Setting<string> {
  return text(env, fallback, about, {
    pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
    like: 'the name of a table, of letters, digits and _ (at most 63), without its schema',
  });
}

export function topic(env: string, fallback: string, about: string): Setting<string> {
  return text(env, fallback, about, {
    pattern: /^[A-Za-z0-9._-]{1,249}$/,
    like: 'a topic name of letters, digits, . _ and - (at most 249)',
  });
}

export function secret(env: string, fallback: string, about: string): Setting<string> {
  return text(env, fallback, about, { secret: true });
}

export function integer(
  env: string,
  fallback: number,
  about: string,
  range: { readonly min: number; readonly max: number },
  extra: Extra = {},
): Setting<number> {
  const type = { kind: 'integer' as const, ...range };
  return { env, type, default: String(fallback), about, ...extra };
}

export function port(
  env: string,
  fallback: number,
  about: string,
  extra: Extra = {},
): Setting<number> {
  return integer(env, fallback, about, { min: 1, max: 65_535 }, extra);
}

export function choice<const Option extends string>(
  env: string,
  options: readonly Option[],
  fallback: Option,
  about: string,
  extra: Extra = {},
): Setting<Option> {
  return { env, type: { kind: 'choice', options }, default: fallback, about, ...extra };
}

/** One or several hosts, or `host:port`, separated by commas. */
export function hosts(
  env: string,
  fallback: string,
  about: string,
  form: 'host' | 'host:port',
): Setting<readonly string[]> {
  const item = form === 'host' ? /^[^\s,]+$/ : /^[^\s,]+:\d{1,5}$/;
  return { env, type: { kind: 'list', item, like: form }, default: fallback, about };
}

export function url(
  env: string,
  fallback: string,
  about: string,
  extra: Extra = {},
): Setting<string> {
  return { env, type: { kind: 'url' }, default: fallback, about, ...extra };
}

/** What a value must be, to end the sentence "… must be". */
export function expected(type: SettingType): string {
  switch (type.kind) {
    case 'text':
      return type.like ?? 'a text';
    case 'integer':
      return `a whole number from ${type.min} to ${type.max}`;
    case 'choice':
      return `one of ${type.options.join(', ')}`;
    case 'list':
      return `${type.like}, several separated by commas`;
    case 'url':
      return 'an http:// or https:// address';
  }
}
