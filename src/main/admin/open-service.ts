// What `rstuf fsck` compares with: a service's database, nobody publishing meanwhile, and its storage.

import type { CliContext } from "../../cli/context.ts";
import type { OpenRepository } from "../../cli/check-published.ts";
import { filesOfStorage } from "../../fsck/files.ts";
import type { Database } from "../../ports/database.ts";
import type { Storage } from "../../ports/storage.ts";
import { openStorage } from "../storage.ts";
import { partsOf, placeOf, requireDatabase, withDatabase } from "./state.ts";

/** Holds the lease until it is closed. @throws AppError, a live publisher included */
export async function openService(context: Pick<CliContext, "cwd">, flags: { readonly dataDir?: string | undefined; readonly config?: string | undefined }): Promise<OpenRepository> {
  const place = placeOf(context, { ...(flags.dataDir === undefined ? {} : { dataDir: flags.dataDir }), ...(flags.config === undefined ? {} : { config: flags.config }) });
  requireDatabase(place);
  const parts = partsOf(place);
  const opened = Promise.withResolvers<Database>();
  const over = Promise.withResolvers<undefined>();
  const held = withDatabase(place.config, parts.database, async (database) => {
    opened.resolve(database);
    await over.promise;
  });
  held.catch(opened.reject);
  const database = await opened.promise;
  let storage: Storage | undefined;
  return {
    database,
    files: async () => filesOfStorage(storage ??= await openStorage(parts.storage)),
    firstRoot: async () => (await database.envelope("root", 1))?.bytes,
    close: async () => {
      await storage?.close();
      over.resolve(undefined);
      await held;
    },
  };
}
