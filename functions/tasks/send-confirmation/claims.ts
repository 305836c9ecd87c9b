import * as v from 'valibot';
import type { DurableRedis } from '../../lib/redis.ts';

/*
 * Keys
 *   mail:claim:ID        what is known of a submission's mail, for as long as its event can come back:
 *                          `taken UNTIL HOLDER REDRIVE`  somebody works on it; nothing has been given to the SMTP server
 *                          `given UNTIL HOLDER REDRIVE`  it may be out
 *                          `sent`, `over`: it is not sent because of the cap, or `forgotten`: because the submission is
 *   mail:day:DAY:WHO     set of the ids that were mailed to a recipient (an HMAC of the address) on that day, two days long
 * UNTIL is milliseconds since 1970 on Redis's own clock. HOLDER is a random word: whoever was frozen and comes back after
 * another one took over finds that the claim is no longer his before he gives anything to the SMTP server.
 */

/** What is known of a submission's mail, and so what is to be done: only with `mine` may it be sent. */
export type Claim =
  | { kind: 'mine'; holder: string }
  /** Another delivery of the event works on it, or has ended without an answer and its time is not up yet. */
  | { kind: 'busy' }
  | { kind: 'sent' }
  /** The recipient got as many mails as he may today. */
  | { kind: 'over' }
  /** The submission is forgotten. */
  | { kind: 'forgotten' }
  /** It was given to the SMTP server and nobody came back to say what became of it. */
  | { kind: 'unknown' };

/** All reject with Unavailable when Redis does not answer, or too few replicas have the write. */
export interface Claims {
  /** @param redrive names the decision of a person to send again what may be out; each one counts once */
  take(id: string, options: { recipient: string; redrive: string }): Promise<Claim>;
  /** Notes that the mail is given to the SMTP server now. False, and not to be done, when the claim went to somebody else. */
  give(id: string, holder: string): Promise<boolean>;
  /** Notes that the SMTP server has it. */
  sent(id: string): Promise<void>;
  /** Lets the claim go: the SMTP server surely does not have it. */
  free(id: string, holder: string, options: { recipient: string }): Promise<void>;
  /** From now on no mail is sent for it, also by whom it belongs to and has not given it to the SMTP server yet. */
  forget(id: string): Promise<void>;
}

export interface ClaimsOptions {
  redis: DurableRedis;
  /** How long claims are remembered, in days; longer than an event can come back. */
  days: number;
  /** Mails to one recipient a day. */
  cap: number;
  /** How long a claim keeps others away, in milliseconds: before the mail is given, and after. The latter is longer than the answer can take. */
  takenMs: number;
  givenMs: number;
}

/** Who sends which mail, once. Each step is one Lua script, and every one writes, so that the WAIT after it vouches for what it says. */
export function openClaims({ redis, days, cap, takenMs, givenMs }: ClaimsOptions): Claims {
  const keepSeconds = days * 86_400;
  return {
    async take(id, { recipient, redrive }) {
      const holder = crypto.randomUUID();
      const args = [id, holder, redrive, recipient, takenMs, keepSeconds, cap];
      const kind = v.parse(Kind, await redis.write(takeScript, args));
      return kind === 'mine' ? { kind, holder } : { kind };
    },
    async give(id, holder) {
      return (await redis.write(giveScript, [id, holder, givenMs, keepSeconds])) === 1;
    },
    async sent(id) {
      await redis.write(sentScript, [id, keepSeconds]);
    },
    async free(id, holder, { recipient }) {
      await redis.write(freeScript, [id, holder, recipient]);
    },
    async forget(id) {
      await redis.write(forgetScript, [id, keepSeconds]);
    },
  };
}

const Kind = v.picklist(['mine', 'busy', 'sent', 'over', 'forgotten', 'unknown']);

const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local today = math.floor(clock[1] / 86400)
local key = 'mail:claim:' .. ARGV[1]
local value = redis.call('GET', key) or ''
local state, till, holder, redrive = string.match(value, '^(%a+) (%d+) (%S+) (.*)$')
local function keep(state, ms, seconds, redrive)
  redis.call('SET', key, string.format('%s %.0f %s %s', state, now + ms, ARGV[2], redrive), 'EX', seconds)
end
`;

/** ARGV: id, holder, redrive, recipient, lease (ms), memory (s), cap. Whoever has a place among a day's mails keeps it. */
const takeScript = `${common}
if value == 'sent' or value == 'over' or value == 'forgotten' then
  redis.call('EXPIRE', key, ARGV[6])
  return value
end
if state and tonumber(till) > now then
  redis.call('EXPIRE', key, ARGV[6])
  return 'busy'
end
if state == 'given' and (ARGV[3] == '' or ARGV[3] == redrive) then
  redis.call('EXPIRE', key, ARGV[6])
  return 'unknown'
end
local day = 'mail:day:' .. today .. ':' .. ARGV[4]
if redis.call('SISMEMBER', day, ARGV[1]) == 0 and redis.call('SCARD', day) >= tonumber(ARGV[7]) then
  redis.call('SET', key, 'over', 'EX', ARGV[6])
  return 'over'
end
redis.call('SADD', day, ARGV[1])
redis.call('EXPIRE', day, 172800)
keep('taken', tonumber(ARGV[5]), ARGV[6], ARGV[3] == '' and redrive or ARGV[3])
return 'mine'
`;

/** ARGV: id, holder, lease (ms), memory (s). */
const giveScript = `${common}
if state ~= 'taken' or holder ~= ARGV[2] then
  redis.call('EXPIRE', key, ARGV[4])
  return 0
end
keep('given', tonumber(ARGV[3]), ARGV[4], redrive)
return 1
`;

/** ARGV: id, memory (s). Whoever has taken over meanwhile finds it when he is about to send. */
const sentScript = `redis.call('SET', 'mail:claim:' .. ARGV[1], 'sent', 'EX', ARGV[2])`;

/** ARGV: id, holder, recipient. */
const freeScript = `${common}
if holder ~= ARGV[2] then return end
redis.call('DEL', key)
redis.call('SREM', 'mail:day:' .. today .. ':' .. ARGV[3], ARGV[1])
`;

/** ARGV: id, memory (s). What is sent stays known as that. */
const forgetScript = `
local key = 'mail:claim:' .. ARGV[1]
redis.call('SET', key, redis.call('GET', key) == 'sent' and 'sent' or 'forgotten', 'EX', ARGV[2])`;
