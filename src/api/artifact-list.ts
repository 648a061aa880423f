// GET /api/v1/artifacts: what the repository lists.

import { Type } from "./type.ts";
import { listArtifacts } from "../operations/list-artifacts.ts";
import { pageAnswer, pageQuery, pageSchema, placeOf, TOO_EARLY } from "./paging.ts";
import type { Readings } from "./routes.ts";
import { dictionary, RawObject } from "./schemas.ts";
import { lastUpdate } from "./task-body.ts";

const ListedArtifact = Type.Object(
  {
    path: Type.String(),
    role: Type.String({ description: "The role whose metadata lists it" }),
    version: Type.Optional(Type.Integer({ description: "Of that role now" })),
    length: Type.Integer({ description: "Bytes" }),
    hashes: dictionary(Type.String()),
    custom: Type.Optional(RawObject),
    published: Type.Optional(Type.String({ format: "date-time", description: "When what it says was published; absent when that was before this was kept" })),
  },
  { $id: "ListedArtifact" },
);

const ArtifactsQuery = Type.Object({
  path: Type.Optional(Type.String({ description: "Exactly this path" })),
  prefix: Type.Optional(Type.String({ description: "Paths that begin so" })),
  role: Type.Optional(Type.String({ description: "Those this role lists" })),
  ...pageQuery(1000),
});

export function artifactListRoutes(readings: Readings): void {
  readings.read({
    path: "/api/v1/artifacts/",
    shape: "problem",
    docs: {
      tag: "Artifacts",
      summary: "List artifacts.",
      description: "In order of path, by code points. What is listed, clients see; a task's artifacts are listed a moment after it is SUCCESS.",
      operationId: "list_artifacts",
      examples: {
        prefix: {
          summary: "Those below a folder",
          given: "published",
          query: { prefix: "app/" },
          status: 200,
          answer: {
            data: [
              { path: "app/1.0.tar.gz", role: "bins-0", version: 1, length: 630, hashes: { sha256: "ab".repeat(32) }, published: "2026-11-22T18:00:00.250000Z" },
              { path: "app/1.1.tar.gz", role: "bins-3", version: 4, length: 631, hashes: { sha256: "ab".repeat(32) }, custom: { build: "77" }, published: "2026-11-22T18:00:00.250000Z" },
            ],
          },
        },
        firstPage: {
          summary: "A page of one; `next` leads to the next one",
          given: "published",
          query: { limit: "1" },
          status: 200,
          answer: {
            data: [{ path: "app/1.0.tar.gz", role: "bins-0", version: 1, length: 630, hashes: { sha256: "ab".repeat(32) }, published: "2026-11-22T18:00:00.250000Z" }],
            next: "WyJhcHAvMS4wLnRhci5neiIsImJpbnMtMCJd",
          },
        },
        noCursor: {
          summary: "A cursor nobody gave",
          given: "published",
          query: { cursor: "2" },
          status: 422,
          answer: {
            type: "about:blank",
            title: "Unprocessable Content",
            status: 422,
            detail: "Value error, this is no cursor of this list: send `next` of the page before as it was, or none for the first page",
            code: "cursor-invalid",
            errors: [{
              type: "value_error",
              loc: ["query", "cursor"],
              msg: "Value error, this is no cursor of this list: send `next` of the page before as it was, or none for the first page",
              input: "2",
              ctx: { error: {} },
              code: "cursor-invalid",
            }],
          },
        },
        tooEarly: TOO_EARLY,
      },
    },
    query: ArtifactsQuery,
    answers: { 200: { description: "A page", schema: pageSchema("ArtifactPage", ListedArtifact, "In order of path") } },
    async handle({ query: { path, prefix, role, cursor, limit = 100 } }) {
      const after = placeOf(cursor, ["string", "string"]);
      const wanted = { ...(path === undefined ? {} : { path }), ...(prefix === undefined ? {} : { prefix }), ...(role === undefined ? {} : { role }) };
      const { rows, next } = await listArtifacts(readings.operations, wanted, after && { path: after[0], role: after[1] }, limit);
      const shown = rows.map(({ path: name, role: owner, version, target, publishedMs }) => ({
        path: name, role: owner, ...(version === undefined ? {} : { version }), ...target, ...(publishedMs === undefined ? {} : { published: lastUpdate(publishedMs) }),
      }));
      return pageAnswer(shown, next && [next.path, next.role]);
    },
  });
}
