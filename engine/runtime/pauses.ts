/** When this process takes nothing of a mapping, and when it looks into its dirty set again. */
import type { Engine } from '../engine.ts';

export interface Pauses {
  /** Takes nothing of the mapping for `ms`, and looks again then. */
  pause(mapping: string, ms: number): void;
  /** Ms for which nothing of the mapping is taken; 0 where something may be. */
  paused(mapping: string): number;
  /** Has the dirty set of a mapping looked into after `ms`. */
  notifyLater(mapping: string, ms: number): void;
  close(): void;
}

export function createPauses({ queues, logger }: Engine): Pauses {
  const pauses = new Map<string, number>();
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  function notifyLater(mapping: string, ms: number): void {
    const at = performance.now() + ms;
    const set = timers.get(mapping);
    if (set && set.at <= at) return;
    clearTimeout(set?.timer);
    const timer = setTimeout(() => {
      timers.delete(mapping);
      queues
        .notify(mapping)
        .catch((error: unknown) => logger.debug({ mapping, reason: String(error) }, 'waking: looked at again soon'));
    }, Math.ceil(ms) + 1);
    timer.unref();
    timers.set(mapping, { at, timer });
  }

  return {
    pause(mapping, ms) {
      pauses.set(mapping, Math.max(pauses.get(mapping) ?? 0, performance.now() + ms));
      notifyLater(mapping, ms);
    },
    paused: (mapping) => Math.max(0, Math.ceil((pauses.get(mapping) ?? 0) - performance.now())),
    notifyLater,
    close() {
      for (const { timer } of timers.values()) clearTimeout(timer);
    },
  };
}
