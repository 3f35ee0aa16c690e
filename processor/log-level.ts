/** How much is logged. Apart from logger.ts so that the settings table needs no library. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
