import * as v from 'valibot';

/**
 * Asks a Formbus that runs on this machine.
 * @param url its root, without a slash at the end
 * @param options.patienceMs for the whole answer
 * @throws Error that says what to do when the answer is missing or wrong
 */
export async function call<S extends v.GenericSchema>(
  schema: S,
  url: string,
  path: string,
  { patienceMs = 30_000, ...init }: RequestInit & { patienceMs?: number } = {},
): Promise<v.InferOutput<S>> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new Error(`${url} is not the address of a Formbus, such as http://127.0.0.1:8080`);
  const signal = AbortSignal.timeout(patienceMs);
  const { status, text } = await ask(url + path, { ...init, signal }).catch((cause: unknown) => {
    const what = signal.aborted
      ? ` within ${patienceMs / 1_000} s: it hangs or is busy; try again, or stop it and start it again`
      : '; start it with npm start, or say where it is (see --help)';
    throw new Error(`Formbus does not answer at ${url}${what}`, { cause });
  });
  if (status < 200 || status > 299)
    throw new Error(`${url}${path} answered ${status}; is that Formbus? ${detailOf(text)}`);
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!success) throw new Error(`${url}${path} did not answer as Formbus does; is it of the same version?`);
  return output;
}

async function ask(address: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const answer = await fetch(address, init);
  return { status: answer.status, text: await answer.text() };
}

const Problem = v.pipe(v.string(), v.parseJson(), v.object({ detail: v.string() }));

/** The sentence for people in a problem of RFC 9457. */
function detailOf(text: string): string {
  const { success, output } = v.safeParse(Problem, text);
  return success ? output.detail : text;
}
