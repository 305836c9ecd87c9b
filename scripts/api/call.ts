import * as v from 'valibot';

/**
 * Asks a Formbus that runs on this machine.
 * @param url its root, without a slash at the end
 * @throws Error that says what to do when it does not answer, or not as it should
 */
export async function call<S extends v.GenericSchema>(
  schema: S,
  url: string,
  path: string,
  init?: RequestInit,
): Promise<v.InferOutput<S>> {
  const answer = await fetch(url + path, init).catch((cause: unknown) => {
    throw new Error(
      `Formbus does not answer at ${url}; start it with npm start, or say where it is, as --help tells`,
      { cause },
    );
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}${path} answered ${answer.status}; is that Formbus? ${text}`);
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!success) throw new Error(`${url}${path} did not answer as Formbus does; is it of this version?`);
  return output;
}
