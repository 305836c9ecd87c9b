/** Reports one problem: the file, the field and what is wrong with it. */
export type Report = (file: string, path: string, message: string) => void;
