// /api/v1/metadata: new versions of online roles, and what waits for signatures.

import { Type } from "./type.ts";
import { getSigning } from "../operations/get-signing.ts";
import { refreshOnline } from "../operations/refresh-online.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { RawObject, submittedSchema, WaitQuery } from "./schemas.ts";

const OnlinePayload = Type.Object(
  { roles: Type.Array(Type.String(), { maxItems: 256, description: "snapshot, timestamp, targets, bins; empty for all" }) },
  { $id: "MetadataOnlinePostPayload" },
);

const SigningResponse = Type.Object(
  { data: Type.Optional(Type.Object({ metadata: RawObject })), message: Type.String() },
  { $id: "MetadataSignGetResponse" },
);

export function onlineMetadataRoutes(resource: Resource): void {
  resource.route({
    method: "POST",
    path: "/api/v1/metadata/online",
    docs: {
      tag: "Metadata",
      summary: "Force a new version of online metadata role(s).",
      description: "Roles are refreshed by themselves before they expire; this does it now. What refers to them is refreshed with them.",
      operationId: "post_online_api_v1_metadata_online_post",
      examples: {
        targets: {
          summary: "Targets and snapshot",
          given: "bootstrapped",
          body: { roles: ["targets", "snapshot"] },
          status: 202,
          answer: {
            data: { task_id: "7a634b556f784ae88785d36425f9a218", last_update: "2026-11-22T18:27:03.519000Z" },
            message: "Force online metadata update accepted.",
          },
        },
        unknownRole: {
          summary: "A role the repository does not have",
          given: "bootstrapped",
          body: { roles: ["foo"] },
          status: 404,
          answer: {
            detail: {
              message: "Task not accepted.",
              error: "Hash bin delegation is used and only root, targets, snapshot, timestamp and bins roles can be bumped",
            },
            code: "role-not-refreshable",
          },
        },
      },
    },
    body: OnlinePayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("MetadataOnlinePostResponse") } },
    words: { bootstrapRequired: { message: "Task not accepted.", error: "Requires bootstrap finished." } },
    async handle({ body, idempotency }) {
      return submittedAnswer(await refreshOnline(resource.operations, body.roles, idempotency), "Force online metadata update accepted.");
    },
  });

  resource.route({
    method: "GET",
    path: "/api/v1/metadata/sign",
    docs: {
      tag: "Metadata",
      summary: "Get all metadata roles pending signatures together with their latest trusted versions.",
      description: "Exactly the documents to sign, by role.",
      operationId: "get_sign_api_v1_metadata_sign_get",
      examples: {
        nothing: { summary: "Nothing waits", given: "bootstrapped", status: 200, answer: { message: "No metadata pending signing available" } },
        tooEarly: {
          summary: "Before bootstrap",
          given: "fresh",
          status: 404,
          answer: { detail: { message: "No metadata pending signing available", error: "Requires bootstrap started. State: None" }, code: "bootstrap-required" },
        },
      },
    },
    answers: { 200: { description: "What waits", schema: SigningResponse } },
    words: { bootstrapRequired: { message: "No metadata pending signing available", error: "Requires bootstrap started." } },
    async handle() {
      const metadata = await getSigning(resource.operations);
      if (Object.keys(metadata).length === 0) return { status: 200, body: { message: "No metadata pending signing available" } };
      return { status: 200, body: { data: { metadata }, message: "Metadata role(s) pending signing" } };
    },
  });
}
