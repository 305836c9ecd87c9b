import { reasonOf } from '../../../functions/lib/runtime/log.ts';

/** What a tool says when the buffer's Redis does not do its part; without the password that may stand in the address. */
export function redisFailure(address: string, cause: unknown): Error {
  const where = address.replace(/(?<=:\/\/)[^/@]*@/, '');
  return new Error(
    `the buffer's Redis at ${where} is not to be reached (${reasonOf(cause)}); see what npm start says of it, or whether it runs`,
    { cause },
  );
}
