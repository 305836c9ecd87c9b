import * as v from 'valibot';

/**
 * Asks a Formbus that runs on this machine.
 * @param url its root, without a slash at the end
 * @param options.patienceMs for the whole answer
 * @throws Error that says what to do when it does not answer, or not as it should
 */
export async function call<S extends v.GenericSchema>(
  schema: S,
  url: string,
  path: string,
  { patienceMs = 30_000, ...init }: RequestInit & { patienceMs?: number } = {},
): Promise<v.InferOutput<S>> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new Error(`${url} is no address of a Formbus, such as http://127.0.0.1:8080`);
  const signal = AbortSignal.timeout(patienceMs);
  const { status, text } = await ask(url + path, { ...init, signal }).catch((cause: unknown) => {
    const what = signal.aborted
      ? ` for ${patienceMs / 1_000} s: it stands still, or has much to do; try again, or stop it and start it anew`
      : '; start it with npm start, or say where it is (see --help)';
    throw new Error(`Formbus does not answer at ${url}${what}`, { cause });
  });
  if (status < 200 || status > 299)
    throw new Error(`${url}${path} answered ${status}; is that Formbus? ${detailOf(text)}`);
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!success) throw new Error(`${url}${path} did not answer as Formbus does; is it of this version?`);
  return output;
}

async function ask(address: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const answer = await fetch(address, init);
  return { status: answer.status, text: await answer.text() };
}

const Problem = v.pipe(v.string(), v.parseJson(), v.object({ detail: v.string() }));

/** What a problem of RFC 9457 says to people. */
function detailOf(text: string): string {
  const { success, output } = v.safeParse(Problem, text);
  return success ? output.detail : text;
}
