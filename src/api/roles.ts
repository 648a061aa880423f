// /api/v1/roles, /api/v1/delegations (reading), /api/v1/roots, /api/v1/keys: who signs what, until when.

import { Type } from "./type.ts";
import { delegationTree, type BinsNode, type TreeNode } from "../operations/delegation-tree.ts";
import { OperationError } from "../operations/errors.ts";
import { listKeys } from "../operations/list-keys.ts";
import { getRole, listRoles, type RoleView } from "../operations/list-roles.ts";
import { rootHistory } from "../operations/root-history.ts";
import { formatExpires } from "../tuf/parse.ts";
import { pageAnswer, pageQuery, pageSchema, placeOf, TOO_EARLY } from "./paging.ts";
import type { Readings } from "./routes.ts";

const KINDS = ["root", "targets", "snapshot", "timestamp", "delegated", "bins"] as const;
const STATES = ["fresh", "due", "late", "expired", "retired", "declared"] as const;

const Kind = Type.Unsafe<(typeof KINDS)[number]>({ type: "string", enum: KINDS });
const State = Type.Unsafe<(typeof STATES)[number]>({
  type: "string",
  enum: STATES,
  description: "`fresh`; `due`: a third or less of its lifetime is left, it is signed again now (`refresh.atRemainingFraction`); `late`: half of that passed as well; `expired`; `retired`: nobody delegates to it; `declared`: its team signs it elsewhere, and it comes with their first document",
});
const Signing = Type.Unsafe<string>({ type: "string", enum: ["online", "offline", "mixed", "outside"], description: "Who signs it: this service, people it asks, both together, or a team elsewhere that uploads it" });
const Expires = Type.String({ format: "date-time" });
const Keyids = Type.Array(Type.String());

const authority = {
  delegated_by: Type.Optional(Type.String({ description: "Absent of a retired role" })),
  threshold: Type.Optional(Type.Integer()),
  keyids: Type.Optional(Keyids),
  signing: Type.Optional(Signing),
};

const role = {
  name: Type.String(),
  kind: Kind,
  version: Type.Optional(Type.Integer({ description: "Absent of a declared role, like `expires` and `length`" })),
  expires: Type.Optional(Expires),
  state: State,
  length: Type.Optional(Type.Integer({ description: "Bytes of its file" })),
  ...authority,
  signing_window_seconds: Type.Optional(Type.Integer({ description: "So long before it expires people are asked for its next version; absent where this service asks nobody" })),
};

const ListedRole = Type.Object(role, { $id: "ListedRole" });

const RoleDetail = Type.Object(
  {
    ...role,
    lifetime_seconds: Type.Integer({ description: "Of its next version" }),
    sha256: Type.Optional(Type.String()),
    paths: Type.Optional(Type.Array(Type.String())),
    terminating: Type.Optional(Type.Boolean()),
    artifacts: Type.Object({ count: Type.Integer(), more: Type.Boolean({ description: "There are more; counting ended there" }) }),
  },
  { $id: "RoleDetail" },
);

const Root = Type.Object(
  {
    version: Type.Integer(),
    expires: Expires,
    threshold: Type.Integer(),
    keyids: Keyids,
    signed_by: Type.Array(Type.String(), { description: "Keys whose signatures count: its own, and those of the root before" }),
    changes: Type.Array(Type.String(), { description: "What it changed, in words" }),
  },
  { $id: "RootVersion" },
);

const ListedKey = Type.Object(
  {
    keyid: Type.String(),
    keytype: Type.String(),
    scheme: Type.String(),
    public: Type.Optional(Type.String()),
    name: Type.Optional(Type.String({ description: "`x-rstuf-key-name`" })),
    online: Type.Boolean({ description: "This service signs with it" }),
    roles: Type.Array(Type.String(), { description: "A set of bins as its prefix and `-*`" }),
  },
  { $id: "ListedKey" },
);

const TreeNodeSchema = Type.Unsafe<unknown>({
  $id: "DelegationNode",
  type: "object",
  description: "A role with what it delegates, in the order in which clients search; or a set of bins, as `bins`",
  properties: {
    ...Object.fromEntries(Object.entries(role).map(([name, schema]) => [name, schema as unknown])),
    paths: { type: "array", items: { type: "string" } },
    terminating: { type: "boolean" },
    delegations: { type: "array", items: { $ref: "#/components/schemas/DelegationNode" } },
    bins: {
      type: "object",
      properties: {
        prefix: { type: "string" },
        count: { type: "integer" },
        style: { type: "string", enum: ["succinct", "classic"] },
        threshold: { type: "integer" },
        keyids: { type: "array", items: { type: "string" } },
        signing: Signing,
        first_expires: { type: "string", format: "date-time", description: "When the first of all bins expires" },
      },
    },
  },
});

const ONLINE = "5c1ad6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b";
const ALICE = "a11ce6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b";

const TARGETS = {
  name: "targets", kind: "targets", version: 5, expires: "2027-11-22T18:00:00Z", state: "fresh", length: 400, delegated_by: "root", threshold: 1, keyids: [ONLINE], signing: "online",
};

export function roleRoutes(readings: Readings): void {
  const { operations } = readings;

  readings.read({
    path: "/api/v1/roles",
    shape: "problem",
    docs: {
      tag: "Roles",
      summary: "List roles.",
      description: "In order of name. `state` is how urgent it is; what is `late` or `expired` should have been signed by now.",
      operationId: "list_roles",
      examples: {
        targets: { summary: "Of one kind", given: "published", query: { kind: "targets" }, status: 200, answer: { data: [TARGETS] } },
        expired: { summary: "What is expired", given: "published", query: { state: "expired" }, status: 200, answer: { data: [] } },
        tooEarly: TOO_EARLY,
      },
    },
    query: Type.Object({ kind: Type.Optional(Kind), state: Type.Optional(State), ...pageQuery(1000) }),
    answers: { 200: { description: "A page", schema: pageSchema("RolePage", ListedRole, "In order of name") } },
    async handle({ query: { kind, state, cursor, limit = 100 } }) {
      const after = placeOf(cursor, ["string"])?.[0];
      const { rows, next } = await listRoles(operations, { ...(kind === undefined ? {} : { kind }), ...(state === undefined ? {} : { state }) }, after, limit);
      return pageAnswer(rows.map(roleBody), next === undefined ? undefined : [next]);
    },
  });

  readings.read({
    path: "/api/v1/roles/{name}",
    shape: "problem",
    docs: {
      tag: "Roles",
      summary: "Get one role.",
      description: "With its lifetime, the hash of its file, its path patterns, and how many artifacts it lists.",
      operationId: "get_role",
      examples: {
        targets: {
          summary: "Top-level targets",
          given: "published",
          params: { name: "targets" },
          status: 200,
          answer: { ...TARGETS, lifetime_seconds: 31_536_000, sha256: "cd".repeat(32), artifacts: { count: 0, more: false } },
        },
        unknown: {
          summary: "A role nobody knows",
          given: "published",
          params: { name: "nightly" },
          status: 404,
          answer: { type: "about:blank", title: "Not Found", status: 404, detail: "there is no role nightly; GET /api/v1/roles lists those there are", code: "no-such-role" },
        },
      },
    },
    params: Type.Object({ name: Type.String({ description: "The whole name, in its own case" }) }),
    answers: { 200: { description: "The role", schema: RoleDetail } },
    async handle({ params: { name } }) {
      const found = await getRole(operations, name);
      if (found === undefined) throw new OperationError("no-such-role", name.slice(0, 200));
      const { lifetimeMs, sha256, paths, terminating, artifacts, ...view } = found;
      const optional = { ...(sha256 === undefined ? {} : { sha256 }), ...(paths === undefined ? {} : { paths }), ...(terminating === undefined ? {} : { terminating }) };
      return { status: 200, body: { ...roleBody(view), lifetime_seconds: lifetimeMs / 1000, ...optional, artifacts } };
    },
  });

  readings.read({
    path: "/api/v1/delegations/",
    shape: "problem",
    docs: {
      tag: "Delegations",
      summary: "Get the delegation tree.",
      description: "From targets down, to any depth, in the order in which clients search. A set of bins is one node, last among those beside it.",
      operationId: "get_delegations",
      examples: {
        bins: {
          summary: "Bins alone",
          given: "published",
          status: 200,
          answer: {
            ...TARGETS,
            delegations: [{ bins: { prefix: "bins", count: 4, style: "succinct", threshold: 1, keyids: [ONLINE], signing: "online", first_expires: "2026-11-29T18:00:00Z" } }],
          },
        },
        tooEarly: TOO_EARLY,
      },
    },
    answers: { 200: { description: "The tree", schema: TreeNodeSchema } },
    async handle() {
      return { status: 200, body: nodeBody(await delegationTree(operations)) };
    },
  });

  readings.read({
    path: "/api/v1/roots",
    shape: "problem",
    docs: {
      tag: "Roles",
      summary: "List the versions of root.",
      description: "Newest first, with what each changed against the one before, in words.",
      operationId: "list_roots",
      examples: {
        first: {
          summary: "One root so far",
          given: "published",
          status: 200,
          answer: {
            data: [{
              version: 1,
              expires: "2027-11-22T18:29:01Z",
              threshold: 1,
              keyids: [ALICE],
              signed_by: [],
              changes: [
                "the first root",
                "root: key Alice (ed25519, a11ce6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b) added",
                "root: threshold 1 of 1",
                "timestamp: key without a name (ed25519, fn:online, 5c1ad6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b) added",
                "timestamp: threshold 1 of 1",
                "snapshot: key without a name (ed25519, fn:online, 5c1ad6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b) added",
                "snapshot: threshold 1 of 1",
                "targets: key without a name (ed25519, fn:online, 5c1ad6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b) added",
                "targets: threshold 1 of 1",
                "expires 2027-11-22T18:29:01Z",
              ],
            }],
          },
        },
        tooEarly: TOO_EARLY,
      },
    },
    query: Type.Object(pageQuery(100)),
    answers: { 200: { description: "A page", schema: pageSchema("RootPage", Root, "Newest first") } },
    async handle({ query: { cursor, limit = 100 } }) {
      const { rows, next } = await rootHistory(operations, placeOf(cursor, ["number"])?.[0], limit);
      const shown = rows.map(({ version, expiresMs, threshold, keyids, signedBy, changes }) => ({ version, expires: formatExpires(expiresMs), threshold, keyids, signed_by: signedBy, changes }));
      return pageAnswer(shown, next === undefined ? undefined : [next]);
    },
  });

  readings.read({
    path: "/api/v1/keys",
    shape: "problem",
    docs: {
      tag: "Roles",
      summary: "List the public keys in force.",
      description: "With the roles that each may sign for. Private keys are never shown, nor known to the API.",
      operationId: "list_keys",
      examples: {
        keys: {
          summary: "One key of people, one of the service",
          given: "published",
          status: 200,
          answer: {
            data: [
              { keyid: ONLINE, keytype: "ed25519", scheme: "ed25519", public: "0a".repeat(32), online: true, roles: ["timestamp", "snapshot", "targets", "bins-*"] },
              { keyid: ALICE, keytype: "ed25519", scheme: "ed25519", public: "0b".repeat(32), name: "Alice", online: false, roles: ["root"] },
            ],
          },
        },
        tooEarly: TOO_EARLY,
      },
    },
    query: Type.Object(pageQuery(1000)),
    answers: { 200: { description: "A page", schema: pageSchema("KeyPage", ListedKey, "In order of keyid") } },
    async handle({ query: { cursor, limit = 100 } }) {
      const { rows, next } = await listKeys(operations, placeOf(cursor, ["string"])?.[0], limit);
      const shown = rows.map(({ keyid, key, online, roles }) => {
        const { keytype, scheme, keyval } = key;
        const name = key["x-rstuf-key-name"];
        return {
          keyid, keytype, scheme,
          ...(typeof keyval.public === "string" ? { public: keyval.public } : {}),
          ...(typeof name === "string" ? { name } : {}),
          online, roles,
        };
      });
      return pageAnswer(shown, next === undefined ? undefined : [next]);
    },
  });
}

function roleBody({ name, kind, state, published, authority: by, signingWindowMs }: RoleView) {
  return {
    name, kind,
    ...(published === undefined ? {} : { version: published.version, expires: formatExpires(published.expiresMs) }),
    state,
    ...(published === undefined ? {} : { length: published.length }),
    ...(by === undefined ? {} : { delegated_by: by.by, threshold: by.threshold, keyids: by.keyids, signing: by.signing }),
    ...(signingWindowMs === undefined ? {} : { signing_window_seconds: Math.floor(signingWindowMs / 1000) }),
  };
}

function nodeBody(node: TreeNode | BinsNode): unknown {
  if ("bins" in node) {
    const { firstExpiresMs, ...bins } = node.bins;
    return { bins: { ...bins, ...(firstExpiresMs === undefined ? {} : { first_expires: formatExpires(firstExpiresMs) }) } };
  }
  const { role: view, paths, terminating, delegations } = node;
  return { ...roleBody(view), ...(paths === undefined ? {} : { paths }), ...(terminating === undefined ? {} : { terminating }), delegations: delegations.map(nodeBody) };
}

