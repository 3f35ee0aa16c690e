// A thread of `turnstream replay` that shares its partitions: loads the TypeScript sources as bin/turnstream.mjs does.
if (Number.parseInt(process.versions.node, 10) < 24) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import('../processor/commands/replay-thread.ts');
