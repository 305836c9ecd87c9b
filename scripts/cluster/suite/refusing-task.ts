import type { SuiteResource } from './formbus.ts';

export const refusingTask = 'suite-refusing-task';
/** No other Trigger has this type. */
export const refusedType = 'dev.formbus.suite';

/** Refuses each event permanently or, once repaired, accepts each; logs the event's id. */
const code = `
import { createServer } from 'node:http';
const refuses = process.env.REFUSES === 'true';
createServer((req, res) => {
  req.resume().once('end', () => {
    console.log((refuses ? 'refused ' : 'taken ') + req.headers['ce-id']);
    res.writeHead(refuses ? 400 : 204).end(refuses ? 'this task refuses everything' : '');
  });
}).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;

/** A task for an event type of its own, with its Trigger. It uses only Node of the project's image. */
export function refusingTaskResources({
  image,
  isRepaired,
}: {
  image: string;
  isRepaired: boolean;
}): SuiteResource[] {
  const scale = (what: string) => `autoscaling.knative.dev/${what}`;
  return [
    {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: refusingTask, labels: { 'networking.knative.dev/visibility': 'cluster-local' } },
      spec: {
        template: {
          metadata: {
            annotations: {
              [scale('initial-scale')]: '0',
              [scale('min-scale')]: '0',
              [scale('max-scale')]: '1',
              [scale('window')]: '30s',
            },
          },
          spec: {
            timeoutSeconds: 30,
            automountServiceAccountToken: false,
            containers: [
              {
                image,
                command: ['node', '--input-type=module', '-e', code],
                env: [{ name: 'REFUSES', value: String(!isRepaired) }],
                readinessProbe: { tcpSocket: {} },
                resources: {
                  requests: { cpu: '50m', memory: '64Mi' },
                  limits: { cpu: '500m', memory: '128Mi' },
                },
                securityContext: {
                  runAsNonRoot: true,
                  runAsGroup: 65_532,
                  readOnlyRootFilesystem: true,
                  allowPrivilegeEscalation: false,
                  capabilities: { drop: ['ALL'] },
                  seccompProfile: { type: 'RuntimeDefault' },
                },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Trigger',
      metadata: { name: refusingTask },
      spec: {
        broker: 'formbus',
        filter: { attributes: { type: refusedType } },
        subscriber: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: refusingTask } },
      },
    },
  ];
}
