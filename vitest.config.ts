import { defineConfig } from 'vitest/config';

/** They take all cores for themselves: alone, so that nothing else runs out of time beside them. */
const simulations = ['test/simulation/simulation.test.ts', 'test/simulation/bugs/bugs.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [
            'node_modules/**',
            '.turnstream/**',
            'test/stack/**',
            'test/chaos/**',
            'test/helm/chart/**',
            ...simulations,
          ],
          // Laws run a thousand histories, on a machine that may have other work.
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'simulation',
          include: simulations,
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          // They need helm, which Go may still be building.
          name: 'helm',
          include: ['test/helm/chart/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'stack',
          include: ['test/stack/**/*.test.ts'],
          // One stack, two cores: files run one after the other.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          // The long forms of the fault tests: `make chaos`, not a part of `make test`.
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
