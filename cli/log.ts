/** Logs of the long-running commands: JSON lines, or short coloured lines where a person looks on. */
import { type Logger, pino } from 'pino';
import type { LogLevel } from './environment.ts';
import { colors, plain } from './output.ts';

export type { Logger };

/** @param to the stream that takes the log; `pretty` for people */
export function createLogger(level: LogLevel, to: NodeJS.WriteStream, pretty: boolean): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } };
  return pino(options, pretty ? { write: (line: string) => void to.write(`${prettyLine(line)}\n`) } : to);
}

const levelName = (label: string): { level: string } => ({ level: label });

function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const paint = level === 'error' || level === 'fatal' ? colors.red : level === 'warn' ? colors.yellow : colors.green;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return (
    plain(`${String(time).slice(11, 19)} `) +
    paint(String(level).padEnd(5)) +
    plain(` ${String(msg)} `) +
    colors.dim(plain(rest.join(' ')))
  );
}
