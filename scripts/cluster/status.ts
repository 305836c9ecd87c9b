import { CLUSTER, forCluster, type ClusterOptions, type Step } from './step.ts';

export function statusSteps(options: ClusterOptions): Step[] {
  const { kubectl } = forCluster(options);
  // Knative manages a Revision's own Deployment; an idle function has no pods.
  const ours = `-A -l '!serving.knative.dev/revision'`;
  return [
    { title: 'nodes', command: `${kubectl} get nodes` },
    { title: 'what runs', command: `${kubectl} get deployment,statefulset ${ours}` },
    { title: 'Kafka', command: `${kubectl} get kafka,kafkanodepool,kafkatopic,kafkauser -n kafka` },
    { title: 'Prometheus', command: `${kubectl} get prometheus,podmonitor -n monitoring` },
    { title: 'functions', command: `${kubectl} get ksvc -n formbus` },
    { title: 'events', command: `${kubectl} get broker,trigger,kafkasource,kafkasink,pingsource -n formbus` },
    {
      // A pod in a crash loop is "Running", and a pod that a webhook refuses does not exist: only the number of ready ones counts.
      title: 'what is not ready',
      command: [
        `{ ${kubectl} get deployment,statefulset ${ours} --no-headers`,
        `${kubectl} get pods -A --no-headers; } | awk '$4 != "Completed" && split($3, n, "/") == 2 && n[1] != n[2]'`,
      ].join('; '),
    },
  ];
}

/** Deletes the cluster that `up` created, its data included. */
export function downSteps({ tool }: ClusterOptions): Step[] {
  const command = tool === 'kind' ? `kind delete cluster --name ${CLUSTER}` : `minikube delete -p ${CLUSTER}`;
  return [{ title: 'delete the cluster and everything in it', command }];
}
