import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { CloudEvent } from 'cloudevents';
import { Kafka, logLevel } from 'kafkajs';
import { v7 as uuidv7 } from 'uuid';
import * as v from 'valibot';
import { accept, listening } from './accepted.ts';

/**
 * The usual design: functions-framework, a schema with the rules of student-data-form, a CloudEvent with its attributes, and a
 * `producer.send` for each request. It writes no log line, and counts nothing.
 */
const { KAFKA_BROKERS = '', KAFKA_TOPIC: topic = '', SPREADSHEET_ID = '' } = process.env;
const form = 'student-data-form';
const producer = new Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).producer();
await producer.connect();

const text = (max: number) => v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(max));
const decimal = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.maxLength(30),
    v.decimal(),
    v.check((value) => Number(value) >= min && Number(value) <= max),
  );
const Student = v.object({
  name: text(100),
  roll: text(30),
  university: text(200),
  cgpa: decimal(0, 10),
  gender: v.pipe(v.string(), v.trim(), v.picklist(['F', 'M', 'O', 'N'])),
  age: decimal(0, 150),
  email: v.pipe(v.string(), v.trim(), v.maxLength(254), v.rfcEmail()),
  mobile: v.pipe(v.string(), v.trim(), v.maxLength(40), v.regex(/^\(?\+?(?:[ ()./-]*\d){7,15}[ ()./-]*$/)),
});

http('usual', async (req, res) => {
  const { success, output: data, issues } = v.safeParse(Student, req.body);
  if (!success) {
    const errors = issues.map((issue) => ({ path: v.getDotPath(issue), message: issue.message }));
    res.status(422).json({ errors });
    return;
  }
  const receivedAt = new Date();
  const id = uuidv7();
  const event = new CloudEvent({
    id,
    type: 'form.submitted',
    source: `/forms/${form}`,
    time: receivedAt.toISOString(),
    datacontenttype: 'application/json',
    dataschema: 'urn:formbus:form:student-data-form:00000000',
    form,
    sheet: `${SPREADSHEET_ID}/${form}`,
    partitionkey: id,
    mailto: 'email',
    data,
  });
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(event))
    if (name !== 'data' && name !== 'datacontenttype') headers[`ce_${name}`] = String(value);
  const messages = [{ key: id, value: JSON.stringify(data), headers }];
  await producer.send({ topic, acks: -1, messages });
  accept(res, id, receivedAt);
});
getTestServer('usual').listen(listening);
