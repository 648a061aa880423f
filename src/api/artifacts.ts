// /api/v1/artifacts: add, delete, publish.

import { Type } from "./type.ts";
import { addArtifacts, type AddArtifacts } from "../operations/add-artifacts.ts";
import { publishArtifacts } from "../operations/publish-artifacts.ts";
import { removeArtifacts } from "../operations/remove-artifacts.ts";
import { submittedAnswer, type Resource } from "./routes.ts";
import { dictionary, submittedSchema, WaitQuery } from "./schemas.ts";

const SKIPPED = " Publishing will be skipped.";

const Info = Type.Object(
  {
    length: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Bytes of the artifact" }),
    hashes: dictionary(Type.String(), { description: "Lower-case hex by algorithm; at least one of sha224, sha256, sha384, sha512, their sha3 forms, blake2b-256, blake2b-512, blake2s-256" }),
    custom: Type.Optional(Type.Union([dictionary(Type.Unknown()), Type.Null()], { description: "Any object without null and fractions; clients see it" })),
  },
  { $id: "ArtifactInfo" },
);

export const Artifact = Type.Object(
  { info: Info, path: Type.String({ description: "Relative, with `/` between segments; as clients ask for it" }) },
  { $id: "Artifact" },
);

const Publish = Type.Optional(Type.Boolean({ default: true, description: "false: held until POST /api/v1/artifacts/publish/" }));

function addPayload(maxItems: number) {
  return Type.Object(
    {
      artifacts: Type.Array(Artifact, { maxItems }),
      add_task_id_to_custom: Type.Optional(Type.Boolean({ default: false, description: "Adds `added_by_task_id` to each artifact's custom" })),
      publish_artifacts: Publish,
    },
    { $id: "AddPayload" },
  );
}

function deletePayload(maxItems: number) {
  return Type.Object({ artifacts: Type.Array(Type.String(), { maxItems }), publish_artifacts: Publish }, { $id: "DeletePayload" });
}

const Paths = { artifacts: Type.Array(Type.String(), { description: "Paths in request order" }) };

export function artifactRoutes(resource: Resource): void {
  const { operations } = resource;
  const maxItems = operations.limits.artifactsPerRequest;

  resource.route({
    method: "POST",
    path: "/api/v1/artifacts/",
    docs: {
      tag: "Artifacts",
      summary: "Post a task to add artifacts to Metadata.",
      description: "Accepts artifacts: their paths, lengths and hashes, not their content. The task is SUCCESS when every client can see them.",
      operationId: "post_api_v1_artifacts__post",
      examples: {
        add: {
          summary: "One artifact",
          given: "bootstrapped",
          body: { artifacts: [{ path: "file3.tar.gz", info: { length: 39, hashes: { sha256: "452ce8308500d83ef44248d8e6062359211992fd837ea9e370e561efb1a4ca99" } } }] },
          status: 202,
          answer: {
            data: { artifacts: ["file3.tar.gz"], task_id: "7ec7dcba3e9a428ea12ea11491bec71c", last_update: "2026-11-22T18:26:46.764000Z" },
            message: "New Artifact(s) successfully submitted.",
          },
        },
        badHash: {
          summary: "A hash of the wrong length",
          given: "bootstrapped",
          body: { artifacts: [{ path: "file3.tar.gz", info: { length: 39, hashes: { sha256: "452c" } } }] },
          status: 422,
          answer: {
            detail: [
              {
                type: "value_error",
                loc: ["body", "artifacts", 0, "info", "hashes", "sha256"],
                msg: "Value error, hashes has 4 hex digits, sha256 has 64",
                input: { sha256: "452c" },
                ctx: { error: {} },
                code: "target-hash",
              },
            ],
            code: "request-invalid",
          },
        },
        tooEarly: {
          summary: "Before bootstrap",
          given: "fresh",
          body: { artifacts: [] },
          status: 404,
          answer: { detail: { message: "Task not accepted.", error: "It requires bootstrap finished. State: None" }, code: "bootstrap-required" },
        },
      },
    },
    body: addPayload(maxItems),
    query: WaitQuery,
    answers: { 202: { description: "Accepted; nothing of it is lost from here on", schema: submittedSchema("ArtifactsAdded", Paths) } },
    async handle({ body, idempotency }) {
      const publish = body.publish_artifacts !== false;
      const request: AddArtifacts = { artifacts: body.artifacts as AddArtifacts["artifacts"], addTaskIdToCustom: body.add_task_id_to_custom === true, publish };
      const submitted = await addArtifacts(operations, request, idempotency);
      const artifacts = body.artifacts.map((artifact) => artifact.path);
      return submittedAnswer(submitted, `New Artifact(s) successfully submitted.${publish ? "" : SKIPPED}`, { artifacts });
    },
  });

  resource.route({
    method: "POST",
    path: "/api/v1/artifacts/delete",
    docs: {
      tag: "Artifacts",
      summary: "Post a task to remove artifacts from Metadata.",
      description: "Removes paths. Those that are not listed are reported in the task's result.",
      operationId: "post_delete_api_v1_artifacts_delete_post",
      examples: {
        remove: {
          summary: "Two paths",
          given: "bootstrapped",
          body: { artifacts: ["v3.4.1/file-3.4.1.tar.gz", "file1.tar.gz"] },
          status: 202,
          answer: {
            data: { artifacts: ["v3.4.1/file-3.4.1.tar.gz", "file1.tar.gz"], task_id: "7c0bc5d77218423ebc650390ece85647", last_update: "2026-11-22T18:26:59.642000Z" },
            message: "Remove Artifact(s) successfully submitted.",
          },
        },
      },
    },
    body: deletePayload(maxItems),
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("ArtifactsRemoved", Paths) } },
    async handle({ body, idempotency }) {
      const publish = body.publish_artifacts !== false;
      const submitted = await removeArtifacts(operations, { paths: body.artifacts, publish }, idempotency);
      return submittedAnswer(submitted, `Remove Artifact(s) successfully submitted.${publish ? "" : SKIPPED}`, { artifacts: body.artifacts });
    },
  });

  resource.route({
    method: "POST",
    path: "/api/v1/artifacts/publish/",
    docs: {
      tag: "Artifacts",
      summary: "Post a task to publish artifacts.",
      description: "Publishes everything that was held with `publish_artifacts: false`. Needs no body.",
      operationId: "post_publish_artifacts_api_v1_artifacts_publish__post",
      examples: {
        publish: {
          summary: "Publish what is held",
          given: "bootstrapped",
          status: 202,
          answer: {
            data: { artifacts: [], task_id: "ea3433f8f21444e9a8fd94a819215515", last_update: "2026-11-22T18:27:03.391000Z" },
            message: "Publish artifacts successfully submitted.",
          },
        },
      },
    },
    query: WaitQuery,
    answers: { 202: { description: "Accepted", schema: submittedSchema("ArtifactsPublished", Paths) } },
    async handle({ idempotency }) {
      return submittedAnswer(await publishArtifacts(operations, idempotency), "Publish artifacts successfully submitted.", { artifacts: [] });
    },
  });
}
