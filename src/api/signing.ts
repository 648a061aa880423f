// /api/v1/metadata: a new root, signatures of people, and an end to collecting them.

import { Type } from "./type.ts";
import { signMetadata } from "../operations/sign-metadata.ts";
import { stopSigning } from "../operations/stop-signing.ts";
import { updateRoot } from "../operations/update-root.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { dictionary, RawObject, submittedSchema, WaitQuery } from "./schemas.ts";

const UpdatePayload = Type.Object(
  {
    metadata: dictionary(RawObject, { propertyNames: { enum: ["root"] }, description: "The new root, as `root`, with the signatures there are; kept exactly as it is" }),
    targets_online_key: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: "false: the new root gives targets to people, who sign its next version beside the root; not needed again once they do" })),
    compromised: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], {
      description: "The online keys are compromised: timestamp, snapshot and targets get new keys at once, without the overlap that spares clients on their way. Every old online key must be gone from the root",
    })),
  },
  { $id: "MetadataPostPayload" },
);

const SignPayload = Type.Object(
  {
    role: Type.String({ description: "The whole name, in its own case" }),
    signature: Type.Object({ keyid: Type.String(), sig: Type.String({ description: "Hexadecimal" }), bundle: Type.Optional(Type.Union([RawObject, Type.Null()])) }, { $id: "TUFSignatures" }),
  },
  { $id: "MetadataSignPostPayload" },
);

const StopPayload = Type.Object({ role: Type.String() }, { $id: "MetadataSignDeletePayload" });

const LAST_UPDATE = "2026-11-22T18:27:53.571596Z";

export function signingRoutes(resource: Resource): void {
  resource.route({
    method: "POST",
    path: "/api/v1/metadata/",
    docs: {
      tag: "Metadata",
      summary: "Post a new version of root.",
      description: "Published once enough keys of the root in force and of the new one have signed; until then it waits for signatures. Private keys are never sent.",
      operationId: "post_api_v1_metadata__post",
      examples: {
        notRoot: {
          summary: "Only root can be updated",
          given: "bootstrapped",
          body: { metadata: {} },
          status: 202,
          answer: { data: { task_id: "7a634b556f784ae88785d36425f9a218", last_update: LAST_UPDATE }, message: "Metadata update accepted." },
        },
      },
    },
    body: UpdatePayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("MetadataPostResponse") } },
    words: { bootstrapRequired: { message: "Task not accepted.", error: "Requires bootstrap finished." } },
    async handle({ body, idempotency }) {
      return submittedAnswer(await updateRoot(resource.operations, body, idempotency), "Metadata update accepted.");
    },
  });

  resource.route({
    method: "POST",
    path: "/api/v1/metadata/sign",
    docs: {
      tag: "Metadata",
      summary: "Add a signature to metadata that waits for it.",
      description: "Verified on arrival. Several people may sign at the same instant; each key signs once.",
      operationId: "post_sign_api_v1_metadata_sign_post",
      examples: {
        nothing: {
          summary: "Nothing can wait before the bootstrap",
          given: "fresh",
          body: { role: "root", signature: { keyid: "1cebe343e35f0213f6136758e6c3a8f8e1f9eeb7e47a07d5cb336462ed31dcb7", sig: "ab" } },
          status: 404,
          answer: { detail: { message: "No signing pending.", error: "Requires bootstrap in signing state. State: None" }, code: "bootstrap-required" },
        },
      },
    },
    body: SignPayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("MetadataSignPostResponse") } },
    words: { bootstrapRequired: { message: "No signing pending.", error: "Requires bootstrap in signing state." } },
    async handle({ body, idempotency }) {
      const { keyid, sig, bundle } = body.signature;
      const signature = { keyid, sig, ...(bundle === undefined ? {} : { bundle }) };
      return submittedAnswer(await signMetadata(resource.operations, { role: body.role, signature }, idempotency), "Metadata sign accepted.");
    },
  });

  resource.route({
    method: "POST",
    path: "/api/v1/metadata/sign/delete",
    docs: {
      tag: "Metadata",
      summary: "Stop collecting signatures for a role.",
      description: "Until enough have signed. Of a bootstrap it stops that, too.",
      operationId: "post_sign_delete_api_v1_metadata_sign_delete_post",
      examples: {
        nothing: {
          summary: "The role waits for nothing",
          given: "bootstrapped",
          body: { role: "root" },
          status: 404,
          answer: { detail: { message: "No signing process for root.", error: "The root role is not in a signing process." }, code: "not-signing" },
        },
      },
    },
    body: StopPayload,
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("MetadataSignDeletePostResponse") } },
    async handle({ body, idempotency }) {
      return submittedAnswer(await stopSigning(resource.operations, body.role, idempotency), "Metadata sign delete accepted.");
    },
  });
}
