/** Forms of a version (an ETag, RFC 9110 section 8.8.3) under which the system itself may know it. Pure. */

/** What servers and proxies that compress put behind the tag of the origin: Apache `-gzip`, Jetty `--gzip`, others `;gzip`. */
const COMPRESSED = /(?:--?|;)(?:gzip|br|deflate|zstd)(?="?$)/;

/** A weak tag never fits If-Match, which compares strongly: a proxy may have weakened the strong one. */
const strong = (tag: string): string => tag.replace(/^W\//, '');
const uncompressed = (tag: string): string => tag.replace(COMPRESSED, '');

/** As it came, then without what a proxy may have put to it. */
export const FORMS: readonly ((tag: string) => string)[] = [
  (tag) => tag,
  strong,
  uncompressed,
  (tag) => uncompressed(strong(tag)),
];
