/** Checks objects as strictly as a server does that refuses unknown fields: by Kubernetes' own schemas. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { kubernetesSchemas, operatorSchemas } from '../../../local/helm-tools.ts';
import type { KubernetesObject } from './render.ts';

const ofKubernetes = await kubernetesSchemas();
const ofOperator = await operatorSchemas();
export const missingSchemas: string | null =
  'missing' in ofKubernetes
    ? ofKubernetes.missing
    : 'missing' in ofOperator
      ? ofOperator.missing
      : null;
if (missingSchemas !== null) console.warn(`manifests were not checked: ${missingSchemas}.`);

type Definition = {
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
};

type Definitions = { readonly $id: string; readonly $defs: Readonly<Record<string, Definition>> };

type Validator = (object: KubernetesObject) => readonly string[];

const validators = new Map<string, Validator>();

/** What is wrong, a line each; for a version of Kubernetes, `1.36`. */
export function problemsOf(version: string, object: KubernetesObject): readonly string[] {
  const found = validators.get(version) ?? validatorOf(version);
  validators.set(version, found);
  return found(object);
}

function validatorOf(version: string): Validator {
  if ('missing' in ofKubernetes) throw new Error(ofKubernetes.missing);
  const path = join(ofKubernetes.path, `${version}.json`);
  const definitions = JSON.parse(readFileSync(path, 'utf8')) as Definitions;
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    validateFormats: false,
    validateSchema: false,
  });
  const { $id, $defs } = definitions;
  ajv.addSchema({ $id, $defs }, $id);
  const custom = customSchemas(ajv);
  const compiled = new Map<string, ValidateFunction>();
  return (object) => {
    const name = `${object.apiVersion}/${object.kind}`;
    const nameOf = `${object.kind} ${object.metadata.name}`;
    const known: ValidateFunction =
      compiled.get(name) ?? custom.get(name) ?? compile(ajv, definitions, object);
    compiled.set(name, known);
    const isRight: boolean = known(object);
    if (isRight) return [];
    return (known.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${nameOf} ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

function compile(
  ajv: Ajv,
  { $id, $defs }: Definitions,
  { apiVersion, kind }: KubernetesObject,
): ValidateFunction {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const [name] =
    Object.entries($defs).find(([, definition]) =>
      definition['x-kubernetes-group-version-kind']?.some(
        (each) => each.group === group && each.version === version && each.kind === kind,
      ),
    ) ?? [];
  if (name === undefined) throw new Error(`Kubernetes knows no ${kind} of ${apiVersion}`);
  return ajv.compile({ $ref: `${$id}#/$defs/${name}` });
}

type Crd = {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: object };
    }[];
  };
};

function customSchemas(ajv: Ajv): ReadonlyMap<string, ValidateFunction> {
  if ('missing' in ofOperator) throw new Error(ofOperator.missing);
  const found = new Map<string, ValidateFunction>();
  for (const file of readdirSync(ofOperator.path)) {
    const { spec } = parse(readFileSync(join(ofOperator.path, file), 'utf8')) as Crd;
    for (const { name, schema } of spec.versions) {
      const closed = closedSchema(schema.openAPIV3Schema);
      found.set(`${spec.group}/${name}/${spec.names.kind}`, ajv.compile(closed as object));
    }
  }
  return found;
}

/** A definition says which fields there are; that there are no others follows from it. */
function closedSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closedSchema);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(
    // JavaScript has no `(?i)` within an expression: such a pattern is not looked at.
    ([key, value]) =>
      [key, key === 'pattern' && /^\W*\(\?i\)/.test(value) ? '' : closedSchema(value)] as const,
  );
  const result: Record<string, unknown> = Object.fromEntries(entries);
  const isOpen =
    'additionalProperties' in result || 'x-kubernetes-preserve-unknown-fields' in result;
  if (result['type'] === 'object' && typeof result['properties'] === 'object' && !isOpen) {
    result['additionalProperties'] = false;
  }
  return result;
}
