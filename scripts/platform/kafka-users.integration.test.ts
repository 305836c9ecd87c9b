import { join } from 'node:path';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  type AclEntry,
} from 'kafkajs';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { demoForm } from '../../functions/forms/demo-form/demo-form.ts';
import { connectionOf, kafkaEnv } from '../../functions/lib/publish/kafka-env.ts';
import { readEnv } from '../../functions/lib/runtime/env.ts';
import { serve } from '../../functions/lib/serve/serve.ts';
import { formEnv, postJson } from '../../functions/testing/sink.ts';
import { kafkaClient } from '../runner/kafka/client.ts';
import { createTopics } from '../runner/kafka/topics.ts';
import { ofKind, readRepository } from '../manifests/rules/repository.ts';
import { startSecureKafka, type SecureKafka } from '../testing/secure-kafka.ts';
import { describeKafka, kafkaStartMs } from '../testing/kafka.ts';

const User = v.object({
  spec: v.object({
    authorization: v.object({
      acls: v.array(
        v.object({
          resource: v.object({
            type: v.picklist(['topic', 'group']),
            name: v.string(),
            patternType: v.picklist(['literal', 'prefix']),
          }),
          operations: v.array(v.picklist(['Read', 'Write', 'Describe', 'DescribeConfigs', 'Delete'])),
        }),
      ),
    }),
  }),
});
const users = ofKind(readRepository(join(import.meta.dirname, '../..')), 'KafkaUser');
const operations = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Describe: AclOperationTypes.DESCRIBE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
  Delete: AclOperationTypes.DELETE,
};

/** The ACLs that Strimzi creates from a KafkaUser. */
const acls = users.flatMap(({ name, content }) =>
  v.parse(User, content).spec.authorization.acls.flatMap(({ resource, operations: allowed }) =>
    allowed.map((operation): AclEntry => ({
      principal: `User:${name}`,
      host: '*',
      permissionType: AclPermissionTypes.ALLOW,
      operation: operations[operation],
      resourceType: resource.type === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
      resourceName: resource.name,
      resourcePatternType:
        resource.patternType === 'prefix' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    })),
  ),
);

describeKafka('a Kafka with the users of the cluster', { timeout: 120_000 }, () => {
  let kafka: SecureKafka;
  const topics = ['form-submissions', 'form-submissions-own', 'form-events', 'form-dead-letters', 'others'];

  beforeAll(async () => {
    kafka = await startSecureKafka({ users: users.map(({ name }) => name) });
    const admin = kafkaClient(kafka.url).admin();
    await admin.connect();
    await createTopics(
      admin,
      topics.map((topic) => ({ topic, numPartitions: 1 })),
    );
    await admin.createAcls({ acl: acls });
    await admin.disconnect();
  }, kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  const clientOf = (user: string, retries: number) => {
    const env = readEnv(kafkaEnv, { ...kafka.env, KAFKA_USERNAME: user });
    return kafkaClient(kafka.env['KAFKA_BROKERS'] ?? '', { ...connectionOf(env), retry: { retries } });
  };
  async function write(user: string, topic: string) {
    const producer = clientOf(user, 0).producer();
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    await producer.send({ topic, messages: [{ value: '{}' }] });
  }
  /** Rejects when the group may not, or not from this topic. */
  async function read(user: string, topic: string, groupId: string) {
    const consumer = clientOf(user, user === 'formbus' ? 10 : 0).consumer({ groupId });
    onTestFinished(() => consumer.disconnect());
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({ eachMessage: () => Promise.resolve(resolve()) }).catch(reject);
    });
  }

  it('a form may publish to the topic of submissions and to its own; for any other it answers 503', async () => {
    const statusOf = async (KAFKA_TOPIC: string) => {
      const env = { ...kafka.env, KAFKA_USERNAME: 'formbus-forms', KAFKA_TOPIC };
      const form = await serve(demoForm, { env: formEnv({ url: '' }, env) });
      onTestFinished(form.close);
      return (await postJson(form.url, { name: 'Asha', message: 'hello' })).status;
    };
    expect(await Promise.all(topics.map(statusOf))).toEqual([202, 202, 503, 503, 503]);
  });

  it("Knative's user may do its work, and nothing else", async () => {
    for (const topic of topics.slice(0, 4)) {
      await write('formbus', topic);
      // A group's coordinator exists a moment after the first request for it.
      const isRead = () => read('formbus', topic, `knative-trigger-formbus-${topic}`);
      await vi.waitFor(isRead, { timeout: 60_000, interval: 500 });
    }
    await expect(write('formbus', 'others')).rejects.toThrow(/not authorized/i);
  });

  it('the password of forms allows neither reading nor forging events', async () => {
    for (const topic of topics.slice(2))
      await expect(write('formbus-forms', topic)).rejects.toThrow(/not authorized/i);
    // The user above reads as these groups.
    for (const topic of topics.slice(0, 4))
      await expect(read('formbus-forms', topic, `knative-trigger-formbus-${topic}`)).rejects.toThrow(
        /not authorized|group coordinator/i,
      );
  });
});
