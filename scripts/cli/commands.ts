/** The commands of `formbus`, each a file of scripts/commands, in the order in which a newcomer needs them. */
export const commands: Record<string, string> = {
  init: 'makes a project for forms and tasks of your own',
  start: 'runs Formbus on this machine',
  new: 'writes a new form or task, with its test and manifests',
  check: 'checks the manifests against the rules that protect submissions',
  doctor: 'says what this machine lacks, and which manifests are older than this Formbus wants',
  bundle: 'bundles all functions, as the image does',
  watch: 'shows how forms and tasks scale',
  load: 'submits to a form many times and prints how long the answers took',
  audit: 'compares what was accepted with what is in the sheets and in the archive',
  'dead-letters': 'lists the events that no task could process, and sends them again',
  replay: 'sends earlier submissions to a task',
  export: "writes a form's submissions to a file",
  forget: "removes one person's submission everywhere",
  cluster: 'sets up a cluster with everything that Formbus stands on',
  'cluster-suite': 'tests Formbus on a cluster',
};

/** Commands for work on Formbus itself; the package leaves them out. */
export const developerCommands: Record<string, string> = {
  bench: 'measures Formbus',
  crds: 'downloads the CRDs that the manifests are checked against',
  chaos: 'breaks what Formbus runs on and counts what is lost or duplicated',
};
