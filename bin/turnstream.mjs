#!/usr/bin/env node
// The `turnstream` command: loads the TypeScript sources as they are. Node takes them itself from 24 on, without
// a word; before, tsx does.
if (Number.parseInt(process.versions.node, 10) < 24) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import('../processor/main.ts');
