import * as v from 'valibot';
import type { DurableRedis } from '../../../lib/stores/redis.ts';

/*
 * Keys
 *   mail:claim:ID        the state of a submission's mail, for as long as its event can come again:
 *                          `taken UNTIL HOLDER REDRIVE`  a delivery works on it; nothing has been given to the SMTP server
 *                          `given UNTIL HOLDER REDRIVE`  it may be out
 *                          `sent`; `over`, `over-domain`, `over-form`: not sent because of a cap; `forgotten`: because the submission is
 *   mail:day:DAY:HMAC    set of the ids mailed to a recipient (an HMAC of the address) on that day, kept for two days
 *   mail:domain:DAY:HMAC the number of that day's mails to a domain (an HMAC, too); mail:form:DAY:FORM, for a form
 * UNTIL is milliseconds since 1970 on Redis's own clock. HOLDER is a random id: a delivery that was frozen while another took over
 * finds that it lost the claim before it hands anything to the SMTP server.
 */

/** The state of a submission's mail. Only a delivery with `mine` may send it. */
export type Claim =
  | { kind: 'mine'; holder: string }
  /** Another delivery of the event works on it, or ended without an answer and its lease still runs. */
  | { kind: 'busy' }
  | { kind: 'sent' }
  /** The recipient, the domain or the form has reached its daily cap. */
  | { kind: 'over'; cap: v.InferOutput<typeof Cap> }
  /** A person wished the submission erased. */
  | { kind: 'forgotten' }
  /** It was given to the SMTP server, and no delivery noted the outcome. */
  | { kind: 'unknown' };

/** What mails are counted by; the first two are HMACs. */
interface Counted {
  recipient: string;
  domain: string;
  form: string;
}

/** Every method rejects with Unavailable when Redis does not answer, or too few replicas have the write. */
export interface Claims {
  /** @param redrive identifies a person's decision to send again a mail that may be out; each decision counts once */
  take(id: string, options: Counted & { redrive: string }): Promise<Claim>;
  /** Notes that the mail is about to be given to the SMTP server. False when another delivery holds the claim: then do not send. */
  give(id: string, holder: string): Promise<boolean>;
  /** Notes that the SMTP server has the mail. */
  sent(id: string): Promise<void>;
  /** Releases the claim: the SMTP server surely does not have the mail. */
  free(id: string, holder: string, options: Counted): Promise<void>;
  /** No mail is sent from now on, not even by a delivery that holds the claim but has not yet given the mail to the server. */
  forget(id: string): Promise<void>;
}

export interface ClaimsOptions {
  redis: DurableRedis;
  /** How long claims are remembered, in days; longer than an event can come again. */
  days: number;
  /** Mails a day. */
  caps: { recipient: number; domain: number; form: number };
  /** How long a claim keeps other deliveries away, in milliseconds: before the mail is given, and after, which is longer than an answer can take. */
  takenMs: number;
  givenMs: number;
}

/** Decides which delivery sends a mail, once. Each step is one Lua script that writes, so that the WAIT after it vouches for its answer. */
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

/** ARGV: id, holder, recipient, domain, form, redrive, lease (ms), memory (s), the three caps. A mail that was counted keeps its place. */
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

/** ARGV: id, memory (s). A delivery that has taken over meanwhile finds `sent` before it sends. */
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

/** ARGV: id, memory (s). A sent mail stays `sent`. */
const forgetScript = `
local key = 'mail:claim:' .. ARGV[1]
redis.call('SET', key, redis.call('GET', key) == 'sent' and 'sent' or 'forgotten', 'EX', ARGV[2])`;
