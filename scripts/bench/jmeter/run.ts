import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import * as v from 'valibot';
import { classpathOf } from '../../runner/kafka/server/jars.ts';
import { startChild } from '../../runner/processes/child.ts';
import { openTally, type LoadReport } from '../../tools/load/tally.ts';

const planFile = join(import.meta.dirname, 'plan.jmx');

export interface JMeter {
  /**
   * Runs the plan against a form: 1,000 users within a second, five submissions each, unless given otherwise.
   * @throws Error with JMeter's last lines
   */
  run(url: URL, options?: { users?: number; submissions?: number }): Promise<LoadReport>;
}

/**
 * Apache JMeter as scripts/bench/jmeter/pom.xml names it, with its home below `dir`.
 * @throws Error that says what to install, or what Maven printed
 */
export async function openJMeter(dir: string): Promise<JMeter> {
  const pom = join(import.meta.dirname, 'pom.xml');
  const jars = { pom, name: 'jmeter', what: 'Apache JMeter', size: 'about 70 MB' };
  const classpath = await classpathOf(jars, { say: console.error });
  const home = join(dir, 'jmeter');
  makeHome(home, classpath.split(delimiter));
  const { PATH = '/usr/bin:/bin', JAVA_HOME = '' } = process.env;
  return {
    async run({ hostname, port, pathname }, { users = 1_000, submissions = 5 } = {}) {
      const file = join(home, 'results.csv');
      rmSync(file, { force: true });
      const given = { ...saved, host: hostname, port, path: pathname, users, submissions };
      const java = await startChild({
        command: 'java',
        args: [
          ...options,
          `-Djava.util.prefs.userRoot=${home}`,
          `-Djmeter.home=${home}`,
          '-cp',
          classpath,
          'org.apache.jmeter.NewDriver',
          // Without a window.
          '-n',
          `--testfile=${planFile}`,
          `--logfile=${file}`,
          `--jmeterlogfile=${join(home, 'jmeter.log')}`,
          ...Object.entries(given).map(([name, value]) => `-J${name}=${value}`),
        ],
        cwd: home,
        env: { PATH, HOME: home, JAVA_HOME },
      });
      const how = await java.exited;
      if (how !== 'exited with code 0') throw new Error(`JMeter ${how}:\n${java.lastLines()}`);
      return reportOf(readFileSync(file, 'utf8'));
    },
  };
}

/** A thousand threads with small stacks, and a heap that is not filled by 5,000 samples. */
const options = ['-Xms256m', '-Xmx512m', '-Xss256k', '-XX:+UseSerialGC', '-Djava.awt.headless=true'];

const columns = 'time response_code successful';
const unneeded =
  'label response_message thread_name data_type assertion_results_failure_message bytes sent_bytes thread_counts url latency idle_time connect_time';
const save = (names: string, isSaved: boolean) =>
  Object.fromEntries(names.split(' ').map((name) => [`jmeter.save.saveservice.${name}`, isSaved]));
/** What it saves of each sample, and no port of its own to be stopped by. */
const saved = {
  'jmeterengine.nongui.port': 0,
  'jmeter.save.saveservice.output_format': 'csv',
  ...save(columns, true),
  ...save(unneeded, false),
};

/** Its properties lie in a jar, and it looks for parts of itself in lib/ext. */
function makeHome(home: string, jars: string[]): void {
  for (const folder of ['lib/ext', 'lib/junit']) mkdirSync(join(home, folder), { recursive: true });
  for (const jar of jars.filter((path) => basename(path).startsWith('ApacheJMeter')))
    symlinkSync(jar, join(home, 'lib/ext', basename(jar)));
  const properties = jars.find((path) => basename(path).startsWith('ApacheJMeter_config'));
  execFileSync('jar', ['xf', properties ?? '', 'bin'], { cwd: home });
}

/** Its own times: they begin when a user sends, and include connecting. */
const Sample = v.pipe(
  v.tuple([v.string(), v.string(), v.string(), v.string()]),
  v.transform(([timeStamp, elapsed, code]) => ({ at: Number(timeStamp), ms: Number(elapsed), code })),
);

function reportOf(csv: string): LoadReport {
  const [head, ...lines] = csv.trim().split('\n');
  if (head !== 'timeStamp,elapsed,responseCode,success')
    throw new Error(`JMeter saved other columns: ${head}`);
  const tally = openTally({ keepIds: false });
  let [first, last] = [Infinity, -Infinity];
  for (const line of lines) {
    const { at, ms, code } = v.parse(Sample, line.split(','));
    first = Math.min(first, at);
    last = Math.max(last, at + ms);
    tally.record(ms, outcomeOf(code));
  }
  return tally.report((last - first) / 1_000);
}

/** Without an answer its code is "Non HTTP response code: java.net.SocketException". */
function outcomeOf(code: string) {
  const status = Number(code);
  if (Number.isNaN(status)) return { status: undefined, reason: code.split('.').at(-1) ?? code };
  return { status, body: '' };
}
