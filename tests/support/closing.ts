/** What a test began, and what ends it. Test files of one process share the list, and run one after the other. */
const closing: (() => Promise<unknown>)[] = [];

export const later = (close: () => Promise<unknown>): void => void closing.push(close);

/** Ends all, the last first. Call in afterEach, or in afterAll for what a whole file shares. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}
