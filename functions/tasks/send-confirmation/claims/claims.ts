import * as v from 'valibot';
import type { DurableRedis } from '../../../lib/stores/redis.ts';

/*
 * Keys
 *   mail:claim:ID        what is known of a submission's mail, for as long as its event can come back:
 *                          `taken UNTIL HOLDER REDRIVE`  somebody works on it; nothing has been given to the SMTP server
 *                          `given UNTIL HOLDER REDRIVE`  it may be out
 *                          `sent`; `over`, `over-domain`, `over-form`: not sent because of a cap; `forgotten`: because the submission is
 *   mail:day:DAY:WHO     set of the ids that were mailed to a recipient (an HMAC of the address) on that day, two days long
 *   mail:domain:DAY:WHO  how many of that day's mails went to a domain (an HMAC, too), and mail:form:DAY:FORM, were for a form
 * UNTIL is milliseconds since 1970 on Redis's own clock. HOLDER is a random word: whoever was frozen and comes back after
 * another one took over finds that the claim is no longer his before he gives anything to the SMTP server.
 */

/** What is known of a submission's mail, and so what is to be done: only with `mine` may it be sent. */
export type Claim =
  | { kind: 'mine'; holder: string }
  /** Another delivery of the event works on it, or has ended without an answer and its time is not up yet. */
  | { kind: 'busy' }
  | { kind: 'sent' }
  /** The recipient got as many mails as he may today; or his domain did; or there were as many for the form. */
  | { kind: 'over'; cap: v.InferOutput<typeof Cap> }
  /** The submission is forgotten. */
  | { kind: 'forgotten' }
  /** It was given to the SMTP server and nobody came back to say what became of it. */
  | { kind: 'unknown' };

/** By what mails are counted; the first two name it without telling who it is. */
interface Counted {
  recipient: string;
  domain: string;
  form: string;
}

/** All reject with Unavailable when Redis does not answer, or too few replicas have the write. */
export interface Claims {
  /** @param redrive names the decision of a person to send again what may be out; each one counts once */
  take(id: string, options: Counted & { redrive: string }): Promise<Claim>;
  /** Notes that the mail is given to the SMTP server now. False, and not to be done, when the claim went to somebody else. */
  give(id: string, holder: string): Promise<boolean>;
  /** Notes that the SMTP server has it. */
  sent(id: string): Promise<void>;
  /** Lets the claim go: the SMTP server surely does not have it. */
  free(id: string, holder: string, options: Counted): Promise<void>;
  /** From now on no mail is sent for it, also by whom it belongs to and has not given it to the SMTP server yet. */
  forget(id: string): Promise<void>;
}

export interface ClaimsOptions {
  redis: DurableRedis;
  /** How long claims are remembered, in days; longer than an event can come back. */
  days: number;
  /** Mails a day. */
  caps: { recipient: number; domain: number; form: number };
  /** How long a claim keeps others away, in milliseconds: before the mail is given, and after. The latter is longer than the answer can take. */
  takenMs: number;
  givenMs: number;
}

/** Who sends which mail, once. Each step is one Lua script, and every one writes, so that the WAIT after it vouches for what it says. */
export function openClaims({ redis, days, caps, takenMs, givenMs }: ClaimsOptions): Claims {
  const keepSeconds = days * 86_400;
  return {
    async take(id, { recipient, domain, form, redrive }) {
      const holder = crypto.randomUUID();
      const most = [caps.recipient, caps.domain, caps.form];
      const args = [id, holder, recipient, domain, form, redrive, takenMs, keepSeconds, ...most];
      const said = v.parse(Said, await redis.write(takeScript, args));
      if (v.is(Cap, said)) return { kind: 'over', cap: said };
      return said === 'mine' ? { kind: said, holder } : { kind: said };
    },
    async give(id, holder) {
      return (await redis.write(giveScript, [id, holder, givenMs, keepSeconds])) === 1;
    },
    async sent(id) {
      await redis.write(sentScript, [id, keepSeconds]);
    },
    async free(id, holder, { recipient, domain, form }) {
      await redis.write(freeScript, [id, holder, recipient, domain, form]);
    },
    async forget(id) {
      await redis.write(forgetScript, [id, keepSeconds]);
    },
  };
}

const Cap = v.picklist(['over', 'over-domain', 'over-form']);
const Said = v.picklist(['mine', 'busy', 'sent', 'forgotten', 'unknown', ...Cap.options]);

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

/** ARGV 3 to 5: recipient, domain, form. A mail is counted once a day, and then in all three. */
const counts = `
local day = 'mail:day:' .. today .. ':' .. ARGV[3]
local domain = 'mail:domain:' .. today .. ':' .. ARGV[4]
local form = 'mail:form:' .. today .. ':' .. ARGV[5]
`;

/** ARGV: id, holder, recipient, domain, form, redrive, lease (ms), memory (s), the three caps. Whoever has a place among a day's mails keeps it. */
const takeScript = `${common}${counts}
local redriven, memory = ARGV[6], ARGV[8]
if value == 'sent' or value == 'forgotten' or string.sub(value, 1, 4) == 'over' then
  redis.call('EXPIRE', key, memory)
  return value
end
if state and tonumber(till) > now then
  redis.call('EXPIRE', key, memory)
  return 'busy'
end
if state == 'given' and (redriven == '' or redriven == redrive) then
  redis.call('EXPIRE', key, memory)
  return 'unknown'
end
if redis.call('SISMEMBER', day, ARGV[1]) == 0 then
  local over = redis.call('SCARD', day) >= tonumber(ARGV[9]) and 'over'
    or tonumber(redis.call('GET', domain) or 0) >= tonumber(ARGV[10]) and 'over-domain'
    or tonumber(redis.call('GET', form) or 0) >= tonumber(ARGV[11]) and 'over-form'
  if over then
    redis.call('SET', key, over, 'EX', memory)
    return over
  end
  redis.call('SADD', day, ARGV[1])
  redis.call('INCR', domain)
  redis.call('INCR', form)
  for _, counter in ipairs({ day, domain, form }) do redis.call('EXPIRE', counter, 172800) end
end
keep('taken', tonumber(ARGV[7]), memory, redriven == '' and redrive or redriven)
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

/** ARGV: id, holder, recipient, domain, form. */
const freeScript = `${common}${counts}
if holder ~= ARGV[2] then return end
redis.call('DEL', key)
if redis.call('SREM', day, ARGV[1]) == 0 then return end
for _, counter in ipairs({ domain, form }) do
  if redis.call('DECR', counter) <= 0 then redis.call('DEL', counter) end
end
`;

/** ARGV: id, memory (s). What is sent stays known as that. */
const forgetScript = `
local key = 'mail:claim:' .. ARGV[1]
redis.call('SET', key, redis.call('GET', key) == 'sent' and 'sent' or 'forgotten', 'EX', ARGV[2])`;
