/** A schema registry in memory, for tests and simulation. */
import type { SchemaRegistry } from './registry.ts';

export type MemoryRegistry = SchemaRegistry & {
  readonly compatibility: ReadonlyMap<string, string>;
};

export function memoryRegistry(): MemoryRegistry {
  const schemas: string[] = [];
  const compatibility = new Map<string, string>();
  return {
    compatibility,
    async schema(id) {
      return schemas[id - 1];
    },
    async register(_subject, schema) {
      const known = schemas.indexOf(schema);
      return known >= 0 ? known + 1 : schemas.push(schema);
    },
    async setCompatibility(subject, rule) {
      compatibility.set(subject, rule);
    },
  };
}
