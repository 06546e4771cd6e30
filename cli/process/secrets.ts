/** The secrets that this process was given, so that no line of its log holds one, whatever went wrong: the last net, not the first. */
import type { SystemConfig } from '../../engine/index.ts';
import type { Env } from './environment.ts';

export interface Secrets {
  /** Learns those of the systems, which may have been given under any name. */
  learn(systems: Iterable<SystemConfig>): void;
  readonly redact: (text: string) => string;
}

const NAMES = /TOKEN|SECRET|PASSWORD|PASSPHRASE|_KEY$|_KEYS$|CREDENTIAL/i;
/** Headers for the collector of traces: `name=value,name=value`. */
const HEADERS = /^OTEL_EXPORTER_OTLP_(.*_)?HEADERS$/;
/** A shorter text stands in ordinary words, and is no secret to rely on. */
const SHORTEST = 6;

export function createSecrets(env: Env): Secrets {
  const known = new Set<string>();
  let longestFirst: readonly string[] = [];
  const add = (secret: string | undefined): void => {
    if (secret === undefined || secret.length < SHORTEST) return;
    // As it stands in JSON and in an address, too.
    const inJson = JSON.stringify(secret).slice(1, -1);
    for (const form of [secret, inJson, JSON.stringify(inJson).slice(1, -1), encodeURIComponent(secret)])
      known.add(form);
  };
  const sort = (): void => {
    longestFirst = [...known].sort((a, b) => b.length - a.length);
  };
  for (const [name, value = ''] of Object.entries(env)) {
    if (NAMES.test(name)) for (const part of [value, ...value.split(',')]) add(part.trim());
    const parts = HEADERS.test(name) ? [...inAddress(value), ...inHeaders(value)] : inAddress(value);
    for (const part of parts) add(part);
  }
  sort();
  return {
    learn(systems) {
      for (const { auth, webhooks } of systems) {
        if (auth.kind === 'header') add(auth.value);
        if (auth.kind === 'bearer') add(auth.token);
        if (auth.kind === 'basic') {
          add(auth.password);
          add(Buffer.from(`${auth.user}:${auth.password}`).toString('base64'));
        }
        if (auth.kind === 'oauth2') {
          add(auth.clientSecret);
          add(auth.refreshToken);
        }
        add(webhooks?.signature?.secret);
      }
      sort();
    },
    redact: (text) => longestFirst.reduce((now, secret) => now.replaceAll(secret, '[secret]'), text),
  };
}

/**
 * The password of an address, whatever its scheme and however many hosts it names, what a proxy is sent for it, and secrets
 * in its query. A password of Redis may hold what an address cannot: the address is refused then, and named.
 */
function inAddress(value: string): string[] {
  const [, login = ''] = (/^rediss?\b/.test(value) ? REDIS_LOGIN : LOGIN).exec(value) ?? [];
  const query = [...value.matchAll(/[?&][^=&]*(?:password|secret|token|key|auth)[^=&]*=([^&\s]+)/gi)];
  return [
    login.slice(login.indexOf(':') + 1),
    Buffer.from(safely(login)).toString('base64'),
    ...query.map(([, given = '']) => given),
  ].flatMap((text) => [text, safely(text)]);
}

const LOGIN = /^[\w.+-]+:\/\/([^\s/@]*:[^\s/]*)@/;
const REDIS_LOGIN = /^[\w.+-]+:\/\/(\S*)@/;

function inHeaders(value: string): string[] {
  return value.split(',').flatMap((pair) => {
    const given = pair.slice(pair.indexOf('=') + 1).trim();
    return [given, safely(given)].flatMap((text) => [text, text.replace(/^\w+ +/, '')]);
  });
}

function safely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
