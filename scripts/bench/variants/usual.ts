import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { CloudEvent } from 'cloudevents';
import { Kafka, logLevel } from 'kafkajs';
import * as v from 'valibot';

/** The usual design: functions-framework, a schema, an event, and a `producer.send` for each request. */
const { PORT, KAFKA_BROKERS = '', KAFKA_TOPIC: topic = '' } = process.env;
const producer = new Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).producer();
await producer.connect();
const Student = v.object({
  name: v.pipe(v.string(), v.nonEmpty(), v.maxLength(100)),
  roll: v.pipe(v.string(), v.nonEmpty(), v.maxLength(30)),
  university: v.pipe(v.string(), v.nonEmpty(), v.maxLength(200)),
  cgpa: v.pipe(v.string(), v.decimal()),
  gender: v.picklist(['F', 'M', 'O', 'N']),
  age: v.pipe(v.string(), v.decimal()),
  email: v.pipe(v.string(), v.email()),
  mobile: v.pipe(v.string(), v.regex(/^\d{7,15}$/)),
});

http('usual', async (req, res) => {
  const { success, output: data, issues } = v.safeParse(Student, req.body);
  if (!success) {
    res.status(422).json({ errors: issues.map(({ message }) => message) });
    return;
  }
  const event = new CloudEvent({ type: 'form.submitted', source: '/forms/student-data-form', data });
  const headers = {
    'content-type': 'application/json',
    ce_specversion: event.specversion,
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_time: event.time ?? '',
  };
  const messages = [{ key: event.id, value: JSON.stringify(data), headers }];
  await producer.send({ topic, acks: -1, messages });
  res.status(202).json({ id: event.id });
});
getTestServer('usual').listen(Number(PORT), '127.0.0.1');
