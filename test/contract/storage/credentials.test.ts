// With whose right the S3 driver asks when it is given none: whoever the SDK's chain finds.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { openS3Storage } from "../../../src/drivers/storage/s3/storage.ts";
import { openS3Server, S3_BUCKET } from "../../fakes/buckets/s3.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-credentials-"));
const server = await openS3Server();
/** Where a container's credentials are answered. */
const container = createServer((_, answer) => {
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ AccessKeyId: "FROM-CONTAINER", SecretAccessKey: "s", Token: "t", Expiration: new Date(Date.now() + 3_600_000).toISOString() }));
});
await new Promise<void>((resolve) => { container.listen(0, "127.0.0.1", resolve); });
after(async () => {
  await server.close();
  await new Promise((resolve) => container.close(resolve));
  rmSync(folder, { recursive: true });
});

const own = { ...process.env };
beforeEach(() => {
  // Nothing of the machine's own is asked.
  process.env = Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith("AWS_")));
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", AWS_SHARED_CREDENTIALS_FILE: join(folder, "none"), AWS_CONFIG_FILE: join(folder, "none") });
});
after(() => { process.env = own; });

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const SOURCES: readonly { readonly name: string; readonly id: string; readonly environment: () => Readonly<Record<string, string>> }[] = [
  { name: "the environment", id: "FROM-ENVIRONMENT", environment: () => ({ AWS_ACCESS_KEY_ID: "FROM-ENVIRONMENT", AWS_SECRET_ACCESS_KEY: "s" }) },
  { name: "a profile of the shared file", id: "FROM-PROFILE", environment: () => ({ AWS_PROFILE: "tuf", AWS_SHARED_CREDENTIALS_FILE: file("credentials", "[tuf]\naws_access_key_id = FROM-PROFILE\naws_secret_access_key = s\n") }) },
  { name: "a program that a profile names", id: "FROM-PROGRAM", environment: () => ({ AWS_PROFILE: "tuf", AWS_CONFIG_FILE: file("config", `[profile tuf]\ncredential_process = /bin/cat ${file("answer.json", '{"Version":1,"AccessKeyId":"FROM-PROGRAM","SecretAccessKey":"s"}')}\n`) }) },
  { name: "the container it runs in", id: "FROM-CONTAINER", environment: () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${String((container.address() as AddressInfo).port)}/` }) },
];

for (const { name, id, environment } of SOURCES) {
  test(`of ${name}`, async () => {
    Object.assign(process.env, environment());
    const storage = await openS3Storage({ endpoint: server.url, bucket: S3_BUCKET, prefix: "" });
    server.seen.length = 0;
    assert.equal(await storage.read("timestamp.json", 100), undefined);
    assert.deepEqual(server.seen.map(({ headers }) => /Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1]), [id]);
    await storage.close();
  });
}
