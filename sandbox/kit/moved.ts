/** Thrown where a record is another one now: the same request is to be sent there. */
export class Moved extends Error {
  readonly location: string;

  constructor(location: string) {
    super(`Moved to ${location}.`);
    this.location = location;
  }
}

/** How the caller is sent there: 308 keeps method and body. */
export const movedStatus = (method: string): number => (method === 'GET' ? 301 : 308);
