// /api/v1/delegations: custom delegations come, change and go.

import { Type } from "./type.ts";
import { changeDelegations, type DelegationEdit, type WantedDelegations } from "../operations/change-delegations.ts";
import { submittedAnswer, type Method, type Resource, type RouteDocs } from "./routes.ts";
import { uploadMetadata } from "../operations/upload-metadata.ts";
import { Days, dictionary, RawObject, SigningWindow, submittedSchema, WaitQuery } from "./schemas.ts";

const Key = Type.Object(
  {
    keytype: Type.String(),
    scheme: Type.String(),
    keyval: dictionary(Type.String(), { propertyNames: { enum: ["public", "issuer", "identity"] } }),
    name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    "x-rstuf-key-name": Type.Optional(Type.Union([Type.String(), Type.Null()])),
    "x-rstuf-online-key-uri": Type.Optional(Type.Union([Type.String(), Type.Null()])),
  },
  { $id: "TUFKeys" },
);

const DelegatedRole = Type.Object(
  {
    name: Type.String({ description: "Letters, digits, - and _; no top-level name, not digits alone, unlike all others, case aside" }),
    terminating: Type.Boolean({ description: "Whether a client that finds nothing here stops looking" }),
    keyids: Type.Array(Type.String(), { description: "Empty: the online key" }),
    threshold: Type.Integer(),
    paths: Type.Array(Type.String(), { minItems: 1, description: "Patterns of literal text, * and ?, which do not cross /" }),
    path_hash_prefixes: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    "x-rstuf-expire-policy": Type.Optional(Type.Union([Days, Type.Null()], { description: "Lifetime in days; that of targets when absent" })),
    parent: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: "The custom role that delegates to it; targets when absent. Its paths count as far as the parent takes them" })),
    signing: Type.Optional(Type.Union([Type.Unsafe<"outside" | "service">({ type: "string", enum: ["outside", "service"] }), Type.Null()], { description: "`outside`: a team signs it elsewhere and uploads it (PUT /api/v1/delegations/{role}/metadata); the change comes with its next document. As before when absent; `service` for a new role" })),
    signing_window: Type.Optional(Type.Union([SigningWindow, Type.Null()])),
    bins: Type.Optional(Type.Union([Type.Integer(), Type.Null()], { description: "2 to 16,384: what it takes is listed in so many hash bins of its own, rounded down to a power of two" })),
  },
  { $id: "TUFSignedDelegationsRoles" },
);

const Bins = Type.Object(
  { number_of_delegated_bins: Type.Integer({ description: "2 to 16,384, rounded down to a power of two" }), keyids: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()], { description: "Online keys, each of which may sign; the online key when absent" })), expiration: Type.Optional(Type.Union([Days, Type.Null()])) },
  { $id: "BinsBesideRoles", description: "Where a repository has custom roles: hash bins for what none of them takes" },
);

/** Delegated roles in order of priority, with the keys they name. */
export const Delegations = Type.Object({ keys: dictionary(Key), roles: Type.Array(DelegatedRole), bins: Type.Optional(Type.Union([Bins, Type.Null()])) }, { $id: "TUFDelegations" });

const DelegationsPayload = Type.Object({ delegations: Delegations }, { $id: "MetadataDelegationsPayload" });

const DeletePayload = Type.Object(
  { delegations: Type.Object({ roles: Type.Array(Type.Object({ name: Type.String() }, { $id: "MetadataDelegationDeleteRole" })) }) },
  { $id: "MetadataDelegationDeletePayload" },
);

const ResizePayload = Type.Object(
  {
    number_of_delegated_bins: Type.Optional(Type.Union([Type.Integer(), Type.Null()], { description: "2 to 16,384, rounded down to a power of two; as many as there are when absent" })),
    keyids: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()], { description: "Online keys that sign the bins from now on, each alone; empty: the online key; absent: those they have" })),
    keys: Type.Optional(Type.Union([dictionary(Key), Type.Null()], { description: "Those of keyids that the repository does not hold yet" })),
    role: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: "The custom role whose bins they are; the repository's own when absent" })),
  },
  { $id: "ResizeBinsPayload" },
);

interface ResizeRequest {
  readonly role?: string | null;
  readonly number_of_delegated_bins?: number | null;
  readonly keyids?: readonly string[] | null;
  readonly keys?: WantedDelegations["keys"] | null;
}

const words = { bootstrapRequired: { message: "Task not accepted.", error: "Requires bootstrap finished." } };

const EXAMPLE = {
  delegations: { keys: {}, roles: [{ name: "nightly", terminating: true, keyids: [], threshold: 1, paths: ["nightly/*"], "x-rstuf-expire-policy": 7 }] },
};

const UPLOAD = { signatures: [{ keyid: "a11ce6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b", sig: "ab" }], signed: { _type: "targets", spec_version: "1.0.31", version: 1, expires: "2027-01-01T00:00:00Z", targets: {} } };

const ACCEPTED = { task_id: "edceb734c3d94337b2808eb1b8305f40", last_update: "2026-11-22T18:28:06.469827Z" };

const TOO_EARLY = { detail: { message: "Task not accepted.", error: "Requires bootstrap finished. State: None" }, code: "bootstrap-required" };

export function delegationRoutes(resource: Resource): void {
  const changing = (method: Method, action: "add" | "update", docs: Omit<RouteDocs, "tag" | "examples">): void => {
    const message = `Metadata delegation ${action} accepted.`;
    resource.route({
      method,
      path: "/api/v1/delegations/",
      docs: {
        ...docs,
        tag: "Delegations",
        examples: {
          online: { summary: "A role signed by the online key", given: "bootstrapped", body: EXAMPLE, status: 202, answer: { data: ACCEPTED, message } },
          tooEarly: { summary: "Before bootstrap", given: "fresh", body: EXAMPLE, status: 404, answer: TOO_EARLY },
        },
      },
      body: DelegationsPayload,
      query: WaitQuery,
      answers: { 202: { description: "Accepted", schema: submittedSchema(action === "add" ? "MetadataDelegationPostResponse" : "MetadataDelegationPutResponse") } },
      words,
      async handle({ body, idempotency }) {
        const edit: DelegationEdit = { action, ...(body.delegations as unknown as WantedDelegations) };
        return submittedAnswer(await changeDelegations(resource.operations, edit, idempotency), message);
      },
    });
  };
  changing("POST", "add", {
    summary: "Post a task to create a new delegation.",
    description: "New roles come last in the order in which clients search. The task's details tell which were added and which failed, with the reason.",
    operationId: "post_delegation_api_v1_delegations__post",
  });
  changing("PUT", "update", {
    summary: "Put a task to update delegation(s).",
    description: "A role keeps its place; keys, threshold, paths and lifetime are replaced. Artifacts move to the role that takes them then.",
    operationId: "put_delegation_api_v1_delegations__put",
  });

  resource.route({
    method: "POST",
    path: "/api/v1/delegations/delete",
    docs: {
      tag: "Delegations",
      summary: "Post a task to create a delete delegation.",
      description: "Artifacts of a deleted role move to the next role that takes them; the task's details name those that none takes.",
      operationId: "delete_delegation_api_v1_delegations_delete_post",
      examples: {
        one: { summary: "One role", given: "bootstrapped", body: { delegations: { roles: [{ name: "nightly" }] } }, status: 202, answer: { data: ACCEPTED, message: "Metadata delegation delete accepted." } },
        tooEarly: { summary: "Before bootstrap", given: "fresh", body: { delegations: { roles: [{ name: "nightly" }] } }, status: 404, answer: TOO_EARLY },
      },
    },
    body: DeletePayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("MetadataDelegationDeletePostResponse") } },
    words,
    async handle({ body, idempotency }) {
      return submittedAnswer(await changeDelegations(resource.operations, { action: "delete", roles: body.delegations.roles }, idempotency), "Metadata delegation delete accepted.");
    },
  });

  resource.route({
    method: "PUT",
    path: "/api/v1/delegations/{role}/metadata",
    shape: "problem",
    keepsBytes: true,
    docs: {
      tag: "Delegations",
      summary: "Upload the next version of a role that is signed elsewhere.",
      description: "The signed targets metadata of a role with `\"signing\": \"outside\"`, published byte for byte with the next batch (where people sign targets, the first one together with the targets they sign for it) once it is verified: signatures and threshold, a version above the last, its expiry, and that clients find everything it lists in that role.",
      operationId: "put_delegation_metadata",
      examples: {
        unknown: {
          summary: "No such role",
          given: "published",
          params: { role: "team" },
          body: UPLOAD,
          status: 404,
          answer: { type: "about:blank", title: "Not Found", status: 404, detail: 'there is no role team whose team signs it elsewhere: ask for it with "signing": "outside" in POST or PUT /api/v1/delegations', code: "no-such-outside-role" },
        },
        tooEarly: { summary: "Before bootstrap", given: "fresh", params: { role: "team" }, body: UPLOAD, status: 404, answer: { type: "about:blank", title: "Not Found", status: 404, detail: "Requires bootstrap finished. State: None", code: "bootstrap-required" } },
      },
    },
    params: Type.Object({ role: Type.String({ description: "The whole name, in its own case" }) }),
    body: RawObject,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("DelegationMetadataPutResponse") } },
    words,
    async handle({ params: { role }, request, idempotency }) {
      return submittedAnswer(await uploadMetadata(resource.operations, { role, bytes: request.bodyBytes ?? Buffer.alloc(0) }, idempotency), "Delegated metadata accepted.");
    },
  });

  resource.route({
    method: "PUT",
    path: "/api/v1/delegations/bins",
    docs: {
      tag: "Delegations",
      summary: "Put a task to change the number of hash bins, or their keys.",
      description: "In one publish, with every artifact in its new bin, and every bin signed by the keys that count then. No client notices; names of bins that are gone stay in snapshot.",
      operationId: "resize_bins_api_v1_delegations_bins_put",
      examples: {
        eight: { summary: "Eight bins", given: "bootstrapped", body: { number_of_delegated_bins: 8 }, status: 202, answer: { data: ACCEPTED, message: "Resizing bins accepted." } },
        tooEarly: { summary: "Before bootstrap", given: "fresh", body: { number_of_delegated_bins: 8 }, status: 404, answer: TOO_EARLY },
      },
    },
    body: ResizePayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("ResizeBinsPutResponse") } },
    words,
    async handle({ body, idempotency }) {
      const { role: of, number_of_delegated_bins: bins, keyids, keys } = body as unknown as ResizeRequest;
      const edit: DelegationEdit = { action: "bins", roles: [], ...(of ? { of } : {}), ...(bins ? { bins } : {}), ...(keyids ? { keyids } : {}), ...(keys ? { keys } : {}) };
      return submittedAnswer(await changeDelegations(resource.operations, edit, idempotency), "Resizing bins accepted.");
    },
  });
}
