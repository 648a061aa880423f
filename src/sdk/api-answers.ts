// Written by `npm run openapi` from docs/api/openapi.json. Do not edit.

import type { Operations } from "./api-types.ts";
import type { Shape } from "./shape.ts";

/** What must be in an answer for it to be one of this API. */
export const ANSWERS: Readonly<Record<keyof Operations, Shape>> = {
  "GET /api/v1/bootstrap/": {"data":{"bootstrap":"boolean"}},
  "POST /api/v1/bootstrap/": {"data":{"task_id":"string"}},
  "GET /api/v1/config/": {"data":{}},
  "PUT /api/v1/config/": {"data":{"task_id":"string"}},
  "POST /api/v1/metadata/online": {"data":{"task_id":"string"}},
  "GET /api/v1/metadata/sign": {},
  "POST /api/v1/metadata/sign": {"data":{"task_id":"string"}},
  "POST /api/v1/delegations/": {"data":{"task_id":"string"}},
  "PUT /api/v1/delegations/": {"data":{"task_id":"string"}},
  "GET /api/v1/delegations/": {},
  "POST /api/v1/delegations/delete": {"data":{"task_id":"string"}},
  "PUT /api/v1/delegations/{role}/metadata": {"data":{"task_id":"string"}},
  "PUT /api/v1/delegations/bins": {"data":{"task_id":"string"}},
  "POST /api/v1/metadata/": {"data":{"task_id":"string"}},
  "POST /api/v1/metadata/sign/delete": {"data":{"task_id":"string"}},
  "POST /api/v1/artifacts/": {"data":{"artifacts":["string"],"task_id":"string"}},
  "GET /api/v1/artifacts/": {"data":[{"path":"string","role":"string","length":"number","hashes":{}}]},
  "POST /api/v1/artifacts/delete": {"data":{"artifacts":["string"],"task_id":"string"}},
  "POST /api/v1/artifacts/publish/": {"data":{"artifacts":["string"],"task_id":"string"}},
  "POST /api/v1/artifacts/import": {"data":{"lines":"number","invalid_paths":"number"}},
  "GET /api/v1/artifacts/import": {"data":{"lines":"number","invalid_paths":"number"}},
  "GET /api/v1/task/": {"data":{"task_id":"string","state":"string"}},
  "GET /api/v1/tasks": {"data":[{"task_id":"string","task":"string","state":"string","created":"string"}]},
  "GET /api/v1/roles": {"data":[{"name":"string","kind":"string","state":"string"}]},
  "GET /api/v1/roles/{name}": {"name":"string","kind":"string","state":"string","lifetime_seconds":"number","artifacts":{"count":"number","more":"boolean"}},
  "GET /api/v1/roots": {"data":[{"version":"number","expires":"string","threshold":"number","keyids":["string"],"signed_by":["string"],"changes":["string"]}]},
  "GET /api/v1/keys": {"data":[{"keyid":"string","keytype":"string","scheme":"string","online":"boolean","roles":["string"]}]},
  "GET /api/v1/signing-events": {"data":[{"id":"string","role":"string","kind":"string","version":"number","state":"string","started":"string","started_by":"string","published_with":["string"],"expires":"string","deadline":"string","signing":"string","complete":"boolean","demands":[{"by":"string","threshold":"number","needed":"number","signed":[{"keyid":"string"}],"missing":[{"keyid":"string"}]}],"sha256":"string"}]},
  "GET /api/v1/signing-events/{id}": {"id":"string","role":"string","kind":"string","version":"number","state":"string","started":"string","started_by":"string","published_with":["string"],"expires":"string","deadline":"string","signing":"string","complete":"boolean","demands":[{"by":"string","threshold":"number","needed":"number","signed":[{"keyid":"string"}],"missing":[{"keyid":"string"}]}],"sha256":"string","changes":["string"],"metadata":{},"bytes":"string"},
  "GET /api/v1/events": "unknown",
};
