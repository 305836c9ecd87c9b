/** The text of each file of a new project, by its path. */
export type Template = Record<string, string>;
