/**
 * values.schema.json: strict, so that an unknown key or projection is refused with its name. The shape comes
 * from the defaults in values.yaml; what is Kubernetes' own (resources, affinity, …) is known by its key's name and
 * is checked by Kubernetes; settings come from the settings' table. Pure.
 */

import type { Setting, SettingType } from '../processor/config/setting.ts';
import { allSettings } from '../processor/config.ts';
import { type ChartValue, isMap, type JsonSchema } from './helm-documented.ts';

const texts: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };
const anyMap: JsonSchema = { type: 'object' };
const maps: JsonSchema = { type: 'array', items: { type: 'object' } };
const words: JsonSchema = { type: 'array', items: { type: 'string' } };

/** By the last key of the path. */
const byName: Readonly<Record<string, JsonSchema>> = {
  resources: {
    type: 'object',
    additionalProperties: false,
    properties: { requests: anyMap, limits: anyMap, claims: maps },
  },
  affinity: anyMap,
  strategy: anyMap,
  livenessProbe: anyMap,
  readinessProbe: anyMap,
  podSecurityContext: anyMap,
  securityContext: anyMap,
  nodeSelector: texts,
  labels: texts,
  annotations: texts,
  podLabels: texts,
  podAnnotations: texts,
  commonLabels: texts,
  commonAnnotations: texts,
  tolerations: maps,
  topologySpreadConstraints: maps,
  extraEnv: maps,
  extraEnvFrom: maps,
  extraVolumes: maps,
  extraVolumeMounts: maps,
  extraContainers: maps,
  initContainers: maps,
  cqlFrom: maps,
  kafkaFrom: maps,
  postgresFrom: maps,
  metricsFrom: maps,
  to: maps,
  command: words,
  args: words,
  extraArgs: words,
  accessModes: words,
  imagePullSecrets: {
    type: 'array',
    items: {
      anyOf: [
        { type: 'string' },
        {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: { name: { type: 'string' } },
        },
      ],
    },
  },
  extraObjects: { type: 'array', items: { type: ['string', 'object'] } },
};

export function valuesSchema(
  documented: readonly ChartValue[],
  projectionNames: readonly string[],
): JsonSchema {
  const known = new Map(documented.map((value) => [value.path.join('.'), value]));
  const roots = tree(documented);
  const properties = propertiesOf(roots, known, []);
  const { properties: ofWorker = {} } = properties['worker'] as { properties?: JsonSchema };
  const projection = {
    type: 'object',
    additionalProperties: false,
    properties: {
      enabled: { type: 'boolean', description: 'Keep this read model up to date.' },
      ...ofWorker,
    },
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart turnstream',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...properties,
      projections: {
        type: 'object',
        additionalProperties: false,
        properties: {
          grouped: (properties['projections'] as { properties: JsonSchema }).properties['grouped'],
          ...Object.fromEntries(
            projectionNames.map((name) => [
              name,
              {
                allOf: [{ $ref: '#/definitions/projection' }],
                description: known.get(`projections.${name}`)?.about ?? '',
              },
            ]),
          ),
        },
      },
    },
    definitions: {
      projection,
      settings: {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(
          allSettings()
            .filter(({ setting }) => setting.secret !== true)
            .map(({ setting }) => [setting.env, settingSchema(setting)]),
        ),
      },
      env: {
        type: 'object',
        additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
      },
    },
  };
}

type Tree = { readonly [key: string]: Tree };

/** The documented paths as a tree: keys without a sentence of their own are there for those within. */
function tree(documented: readonly ChartValue[]): Tree {
  const root: Record<string, Tree> = {};
  for (const { path } of documented) {
    let at: Record<string, Tree> = root;
    for (const key of path) {
      at[key] ??= {};
      at = at[key] as Record<string, Tree>;
    }
  }
  return root;
}

function propertiesOf(
  branch: Tree,
  known: ReadonlyMap<string, ChartValue>,
  path: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(branch).map(([key, inner]) => [key, schemaOf(inner, known, [...path, key])]),
  );
}

function schemaOf(
  branch: Tree,
  known: ReadonlyMap<string, ChartValue>,
  path: readonly string[],
): JsonSchema {
  const own = known.get(path.join('.'));
  const description = own === undefined ? {} : { description: own.about };
  if (Object.keys(branch).length > 0) {
    return {
      type: 'object',
      additionalProperties: false,
      ...(own?.schema ?? {}),
      ...description,
      properties: propertiesOf(branch, known, path),
    };
  }
  const { settings, env, ...said } = own?.schema ?? {};
  if (settings === true) return { allOf: [{ $ref: '#/definitions/settings' }], ...description };
  if (env === true) return { allOf: [{ $ref: '#/definitions/env' }], ...description };
  return { ...fromDefault(path.at(-1) ?? '', own?.value), ...said, ...description };
}

function fromDefault(name: string, value: unknown): JsonSchema {
  const named = byName[name];
  if (named !== undefined) return named;
  if (Array.isArray(value)) return { type: 'array' };
  if (isMap(value)) return { type: 'object' };
  if (typeof value === 'number') return { type: 'integer' };
  return value === null ? {} : { type: typeof value };
}

/** A number may also be given as a text. */
function settingSchema({ type, about }: Setting): JsonSchema {
  return { ...settingTypeSchema(type), description: about };
}

function settingTypeSchema(type: SettingType): JsonSchema {
  switch (type.kind) {
    case 'integer':
      return {
        type: ['integer', 'string'],
        minimum: type.min,
        maximum: type.max,
        pattern: '^[0-9]{1,16}$',
      };
    case 'choice':
      return { enum: type.options };
    case 'url':
      return { type: 'string', pattern: '^https?://' };
    case 'list':
      return { type: 'string', minLength: 1 };
    case 'text':
      return type.pattern === undefined
        ? { type: 'string' }
        : { type: 'string', pattern: type.pattern.source };
  }
}
