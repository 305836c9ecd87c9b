import { reasonOf } from '../../../functions/lib/runtime/log.ts';

/** What a tool says when the buffer's Redis fails; without the password that the address may contain. */
export function redisFailure(address: string, cause: unknown): Error {
  const where = address.replace(/(?<=:\/\/)[^/@]*@/, '');
  return new Error(
    `the buffer's Redis at ${where} cannot be reached (${reasonOf(cause)}); read what npm start prints about it, or check that it runs`,
    { cause },
  );
}
