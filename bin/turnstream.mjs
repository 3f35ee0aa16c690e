#!/usr/bin/env node
// The `turnstream` command: loads the TypeScript sources as they are.
import { register } from 'tsx/esm/api';

register();
await import('../processor/main.ts');
