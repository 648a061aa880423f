// Where the state of a service lies that is tried as a process: in its data directory, or on a PostgreSQL.

import { describe } from "node:test";
import { createDatabase } from "../servers/shared-postgres.ts";

export interface EngineState {
  /** For the configuration file of the service, and of the commands beside it. */
  readonly config: { readonly database?: { readonly url: string } };
  drop(): Promise<void>;
}

export interface Engine {
  readonly name: "SQLite" | "PostgreSQL";
  /** State of a repository that does not exist yet. */
  state(): Promise<EngineState>;
}

const ENGINES: readonly Engine[] = [
  { name: "SQLite", state: async () => ({ config: {}, drop: async () => undefined }) },
  {
    name: "PostgreSQL",
    state: async () => {
      const database = await createDatabase({ template: false });
      return { config: { database: { url: database.url } }, drop: () => database.drop() };
    },
  },
];

/** The same claims about `what`, for each engine. */
export function describeOnEach(what: string, claims: (engine: Engine) => void): void {
  for (const engine of ENGINES) describe(`${what}, its state in ${engine.name}`, () => { claims(engine); });
}
