// Who delegated to whom in the head that clients were shown last, where later ones were committed and never shown.
//
// Adoption (rule 17) takes those back: what made them is pending again. Of what they changed the database holds only the new
// version; the one before lies in storage, and counts when it is, byte for byte, what the row of its role says.

import { belowIn, NESTED } from "../roles/below.ts";
import type { Below } from "../roles/delegation.ts";
import type { RoleRow } from "../ports/database.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Delegations } from "../tuf/documents.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import { READ_AT_MOST } from "./adopt-trust.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";

export class LastShown {
  readonly #deps: Pick<PublisherDeps, "database" | "storage">;
  readonly #rows: ReadonlyMap<string, RoleRow>;

  private constructor(deps: Pick<PublisherDeps, "database" | "storage">, rows: ReadonlyMap<string, RoleRow>) {
    this.#deps = deps;
    this.#rows = rows;
  }

  /** Undefined where the head was shown. `rows`: of the last one that was. */
  static async of(deps: Pick<PublisherDeps, "database" | "storage">, rows: ReadonlyMap<string, RoleRow>): Promise<LastShown | undefined> {
    const { seq, visible } = await deps.database.publisher();
    return seq === visible ? undefined : new LastShown(deps, rows);
  }

  /** Top-level targets; undefined where no later one was committed. @throws PublisherError `diverged` when its file is gone */
  async targets(): Promise<ParsedEnvelope<"targets"> | undefined> {
    const envelope = await this.#deps.database.envelope("targets");
    const row = this.#rows.get("targets");
    return envelope === undefined || row === undefined || envelope.version <= row.version ? undefined : await this.#read(row);
  }

  /** What roles below targets delegate. @throws PublisherError `diverged` when the file of one that does is gone */
  async below(): Promise<Below> {
    const ours = belowIn(await this.#deps.database.setting(NESTED));
    const below = new Map<string, Delegations>();
    for (const role of ours.keys()) {
      const row = this.#rows.get(role);
      if (row === undefined || row.retired) continue;
      const { delegations } = (await this.#read(row)).signed;
      if (delegations !== undefined) below.set(role, delegations);
    }
    return below;
  }

  async #read({ role, version, sha256 }: RoleRow): Promise<ParsedEnvelope<"targets">> {
    const name = `${String(version)}.${role}.json`;
    const file = await this.#deps.storage.read(name, READ_AT_MOST);
    if (file !== undefined && sha256Hex(file.bytes) === sha256) return parseEnvelope(file.bytes, "targets");
    throw new PublisherError("diverged", `what storage holds is damaged, this database changed the delegations of ${role} in a head that no client saw, and ${name}, which says what they were before, is ${file === undefined ? "missing" : "damaged"}: put it back into storage, from a backup or a mirror, and adopt again. Nothing was changed`);
  }
}
