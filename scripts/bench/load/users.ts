import type { Outcome } from '../../tools/load/drive.ts';
import { openConnection } from './connection.ts';

/** A number of submissions for each user, or a time in which they submit. */
export interface Load {
  users: number;
  requests?: number;
  forMs?: number;
}

interface Target {
  url: URL;
  /** Whole requests, submitted in turn and from the beginning again. */
  posts: string[];
  /** Called for each submission with its milliseconds. */
  record: (ms: number, outcome: Outcome) => void;
}

/** Makes requests before they are needed: making a body takes longer than sending it. */
export function postsOf(url: URL, body: (n: number) => string, count = 5_000): string[] {
  const headers = { 'content-type': 'application/json' };
  return Array.from({ length: count }, (_, n) => postOf(url, { headers, body: body(n) }));
}

/** A whole request, as latin1. */
export function postOf(
  { host, pathname }: URL,
  { headers, body }: { headers: Record<string, string>; body: string },
): string {
  const bytes = Buffer.from(body);
  const all = Object.entries({ host, ...headers, 'content-length': bytes.length });
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST ${pathname} HTTP/1.1\r\n${lines}\r\n${bytes.toString('latin1')}`;
}

/**
 * A closed plan: `users` arrive at once, each with its own connection, and each submits one after the other, `requests` times or
 * for `forMs`. A submission's time begins when its user sends it; the first includes connecting.
 */
export async function runUsers({
  url,
  posts,
  record,
  users,
  requests = Infinity,
  forMs = Infinity,
}: Target & Load): Promise<void> {
  const until = performance.now() + forMs;
  let count = 0;
  const user = async () => {
    let connection = openConnection(url);
    for (let n = 0; n < requests && performance.now() < until; n += 1) {
      const post = posts[count++ % posts.length] ?? '';
      const begin = performance.now();
      if (connection.isClosed()) connection = openConnection(url);
      const outcome = await connection.exchange(post);
      record(performance.now() - begin, outcome);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: users }, user));
}
