import * as v from 'valibot';
import { connectRedis } from '../../../functions/lib/stores/redis-address.ts';
import { startTestSmtp, type TestSmtp } from '../../../functions/testing/smtp.ts';
import { fullDomain, hasKind, isFull } from '../traffic/people.ts';
import { formsOfCampaign as forms } from '../traffic/submitter.ts';

/** An SMTP server that refuses mails to the domain of full mailboxes. */
export async function startMailServer(): Promise<{ smtp: TestSmtp; env: Record<string, string> }> {
  const smtp = await startTestSmtp();
  smtp.recipients = { [`@${fullDomain}`]: '452 4.2.2 mailbox full' };
  return { smtp, env: { SMTP_URL: smtp.url.href, SMTP_TLS: 'optional' } };
}

export interface MailComparison {
  mailed: number;
  /** Mails that wait for an unavailable recipient. */
  deferred: number;
  /** Ids of accepted submissions without a mail, a waiting mail or a dead letter. */
  unmailed: string[];
  /** Ids with several mails, or with a mail to a full mailbox. */
  mailedWrongly: string[];
}

/** Compares accepted submissions with mails, id by id. */
export function compareMails({
  accepted,
  mails,
  waiting,
  dead,
}: {
  accepted: Map<string, string>;
  mails: string[];
  waiting: string[];
  dead: string[];
}): MailComparison {
  const mailed = Map.groupBy(mails.map(idOf), (id) => id);
  const kept = new Set([...waiting, ...dead]);
  const numberOf = (name = '') => Number(name.split(' ')[1]);
  const isMailed = (name: string) =>
    forms[numberOf(name) % forms.length] !== 'demo-form' && !hasKind(name, 'suspected');
  const wanted = [...accepted].filter(([, name]) => isMailed(name)).map(([id]) => id);
  return {
    mailed: mailed.size,
    deferred: waiting.length,
    unmailed: wanted.filter((id) => !mailed.has(id) && !kept.has(id)),
    mailedWrongly: [...mailed]
      .filter(([id, { length }]) => length > 1 || isFull(numberOf(accepted.get(id))))
      .map(([id]) => id),
  };
}

/** The submission's id in a mail. */
function idOf(mail: string): string {
  return /^message-id: <(.*)@/im.exec(mail)?.[1] ?? '';
}

/** The ids of waiting mails. */
export async function deferredMails(url: string, password: string | undefined): Promise<string[]> {
  const connections = await (await fetch(`${url}/_/connections`)).json();
  const redis = connectRedis(v.parse(Connections, connections).redis, password, {});
  redis.on('error', () => {});
  try {
    return await redis.zrange('later:since:send-confirmation', '0', '-1');
  } finally {
    redis.disconnect();
  }
}

const Connections = v.object({ redis: v.string() });
