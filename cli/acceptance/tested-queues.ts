/** Queues of the running Tandem that a test pauses: noted before, so that they are resumed whatever becomes of the test. */
import type { Queue } from '../../api/index.ts';
import type { Journal, Mapping } from '../../engine/index.ts';
import { type Client, path } from '../http-client.ts';

export interface TestedQueues {
  isPaused(mapping: Mapping): Promise<boolean>;
  /** Nothing of the mapping is worked on meanwhile. @throws where a person paused it */
  paused<T>(mapping: Mapping, work: () => Promise<T>): Promise<T>;
  /** Only for what the test of this mark paused. */
  resume(mark: string, mapping: string): Promise<void>;
}

export function testedQueues(client: Client, journal: Journal, mark: string): TestedQueues {
  const isPaused = async ({ name }: Mapping): Promise<boolean> =>
    (await client.get<Queue>(path('queues', name))).paused;
  const resume = async (of: string, mapping: string): Promise<void> => {
    await client.post(path('queues', mapping, 'resume'));
    await journal.resumed(of, mapping);
  };
  return {
    isPaused,
    resume,
    async paused(mapping, work) {
      if (await isPaused(mapping)) throw new Error('Its queue was paused by a person meanwhile.');
      await journal.pausing(mark, mapping.name);
      await client.post(path('queues', mapping.name, 'pause'));
      try {
        return await work();
      } finally {
        await resume(mark, mapping.name);
      }
    },
  };
}
