/** What a long call awaits between its pieces, every few milliseconds, so that whoever called may hold it up. It does not reject. */
export type Rest = () => Promise<void>;
