import { setTimeout as sleep } from 'node:timers/promises';
import { redisManifest } from './readiness.ts';
import type { RedisPod } from './sentinels.ts';

export interface RolloutOptions {
  manifest?: ReturnType<typeof redisManifest>;
  /** From the end of a pod to the start of its successor, in milliseconds. */
  downMs?: number;
  /** How long after that the Sentinels go on looking for it at its old address; both as seen on a kubelet. */
  unseenMs?: number;
  aborted?: AbortSignal;
  say?: (line: string) => void;
}

/**
 * Restarts one pod after the other, as the StatefulSet controller and the kubelet do: its hook, SIGTERM, its successor, probes
 * until it is ready, and then `minReadySeconds`, all by the manifest.
 */
export async function rollingRestart(redis: RedisPod[], options: RolloutOptions = {}): Promise<void> {
  for (const pod of redis) {
    await restartPod(pod, options);
    await available(pod, options);
  }
}

/** Ends a pod in Kubernetes' way and starts its successor, which the Sentinels do not see at first. */
export async function restartPod(
  pod: RedisPod,
  {
    manifest = redisManifest(),
    downMs = 3_000,
    unseenMs = 14_000,
    aborted,
    say = () => {},
  }: RolloutOptions = {},
): Promise<void> {
  const { lifecycle, terminationGracePeriodSeconds } = manifest;
  const end = performance.now() + terminationGracePeriodSeconds * 1_000;
  const left = () => Math.max(0, end - performance.now());
  if (lifecycle) {
    const { output } = await pod.exec(lifecycle.preStop.exec.command, left());
    say(`${pod.self}: ${output.trim()}`);
  }
  const overdue = setTimeout(() => pod.signal('SIGKILL'), left());
  await pod.kill('SIGTERM');
  clearTimeout(overdue);
  pod.hide(true);
  const seen = sleep(downMs + unseenMs, undefined, { signal: aborted });
  seen.then(
    () => pod.hide(false),
    () => pod.hide(false),
  );
  await sleep(downMs, undefined, { signal: aborted });
  pod.start();
}

async function available(
  pod: RedisPod,
  { manifest = redisManifest(), aborted, say = () => {} }: RolloutOptions,
): Promise<void> {
  const { readinessProbe, minReadySeconds } = manifest;
  const { exec, periodSeconds, timeoutSeconds, failureThreshold, successThreshold } = readinessProbe;
  let isReady = false;
  let readySince = 0;
  let run = { passed: false, count: 0 };
  // The kubelet's clock for probes runs since before the start: the first one may come as soon as Redis answers.
  await sleep(1_000, undefined, { signal: aborted });
  for (;;) {
    const { status } = await pod.exec(exec.command, timeoutSeconds * 1_000);
    const passed = status === 0;
    run = { passed, count: run.passed === passed ? run.count + 1 : 1 };
    if (run.count >= (passed ? successThreshold : failureThreshold) && isReady !== passed) {
      isReady = passed;
      readySince = performance.now();
      say(`${pod.self} is ${isReady ? '' : 'not '}ready`);
    }
    if (isReady && performance.now() - readySince >= minReadySeconds * 1_000) return;
    await sleep(periodSeconds * 1_000, undefined, { signal: aborted });
  }
}
