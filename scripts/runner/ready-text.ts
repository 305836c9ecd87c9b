import { exampleCurl } from './gateway/example.ts';
import type { ScheduleStatus } from './schedules/ping.ts';

/** The text of a runner that is ready: where everything is and what to try. */
export function readyText({
  url,
  forms,
  schedules,
  sheets,
  mails,
  kafka,
  data,
  ms,
}: {
  url: string;
  forms: string[];
  schedules: ScheduleStatus[];
  /** Whether they are kept here. */
  sheets: boolean;
  mails: boolean;
  /** Broker addresses, if events go through Kafka. */
  kafka: string | undefined;
  data: string;
  ms: number;
}): string {
  const curl = exampleCurl(forms, url);
  return [
    '',
    `formbus is ready after ${(ms / 1000).toFixed(1)} s: ${url}/`,
    '',
    ...forms.map((form, i) => `  ${i === 0 ? 'forms       ' : '            '}  ${url}/${form}/`),
    `  sheets        ${sheets ? `${url}/_/sheets/` : 'in Google Sheets'}`,
    `  mails         ${mails ? `${url}/_/mails/` : 'sent'}`,
    `  services      ${url}/_/services`,
    `  dead letters  ${url}/_/dead-letters`,
    ...(kafka === undefined ? [] : [`  kafka         ${kafka}`]),
    `  data          ${data}`,
    '',
    ...(curl === undefined ? [] : ['Submit a form:', `  ${curl}`, '']),
    ...schedules.flatMap(({ name, schedule }) => [
      `Fire ${name} now (by itself: ${schedule}):`,
      `  curl -X POST ${url}/_/schedules/${name}`,
      '',
    ]),
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}
