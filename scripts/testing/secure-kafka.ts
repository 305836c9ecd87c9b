import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { KafkaServer } from '../runner/kafka/server/server.ts';
import { releasePort, takePort } from '../runner/processes/ports.ts';
import { temporaryFolder } from './formbus.ts';
import { kafkaTool, startTestKafka } from './kafka.ts';

export interface SecureKafka extends KafkaServer {
  /** What a form needs to speak to it; it takes the password by plain and by scram-sha-512. `url` still asks for none. */
  env: Record<string, string>;
}

/**
 * A Kafka with a second listener that asks for TLS, by a certificate that nobody knows, and for a password.
 * @param advertised `host:port` by which that listener goes, where it is to be another name than its own
 * @param names more hosts that its certificate is for
 * @param users by name; all have the same password. More than one: each may do only what an ACL says, and who needs no password all
 */
export async function startSecureKafka({
  advertised,
  names = [],
  users = ['formbus'],
}: { advertised?: string; names?: string[]; users?: string[] } = {}): Promise<SecureKafka> {
  const folder = await temporaryFolder();
  const [keystore, ca] = [join(folder.path, 'kafka.p12'), join(folder.path, 'ca.pem')];
  const store = ['-keystore', keystore, '-storetype', 'PKCS12', '-storepass', 'changeit', '-alias', 'kafka'];
  const hosts = ['ip:127.0.0.1', ...names.map((name) => `dns:${name}`)];
  const subject = ['-dname', 'CN=kafka', '-ext', `san=${hosts.join(',')}`];
  execFileSync('keytool', ['-genkeypair', '-keyalg', 'RSA', ...subject, ...store], { stdio: 'ignore' });
  execFileSync('keytool', ['-exportcert', '-rfc', '-file', ca, ...store], { stdio: 'ignore' });
  const listener = 'listener.name.secure';
  const jaas = 'org.apache.kafka.common.security';
  const port = await takePort();
  const kafka = await startTestKafka({
    settings: ({ port: plain, controllerPort }) => ({
      listeners: `PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controllerPort},SECURE://127.0.0.1:${port}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${plain},SECURE://${advertised ?? `127.0.0.1:${port}`}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
      [`${listener}.ssl.keystore.location`]: keystore,
      [`${listener}.ssl.keystore.password`]: 'changeit',
      [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-512',
      [`${listener}.plain.sasl.jaas.config`]: `${jaas}.plain.PlainLoginModule required user_formbus="a-password";`,
      [`${listener}.scram-sha-512.sasl.jaas.config`]: `${jaas}.scram.ScramLoginModule required;`,
      ...(users.length > 1 && {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      }),
    }),
  });
  for (const user of users)
    await kafkaTool(
      'kafka.admin.ConfigCommand',
      `--bootstrap-server ${kafka.url} --alter --entity-type users --entity-name ${user}
         --add-config SCRAM-SHA-512=[password=a-password]`,
    );
  return {
    ...kafka,
    env: {
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      KAFKA_TLS: 'true',
      KAFKA_CA_FILE: ca,
      KAFKA_USERNAME: 'formbus',
      KAFKA_PASSWORD: 'a-password',
    },
    async close() {
      await kafka.close();
      releasePort(port);
      await folder.remove();
    },
  };
}
