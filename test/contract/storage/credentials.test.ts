// With whose right the S3 driver asks when it is given none: whoever the SDK's chain finds, by each of its sources.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, beforeEach, test } from "node:test";
import { openS3Storage } from "../../../src/drivers/storage/s3/storage.ts";
import { openS3Server, S3_BUCKET } from "../../fakes/buckets/s3.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-credentials-"));
const server = await openS3Server();
const UNTIL = new Date(Date.now() + 3_600_000);
const whoever = (id: string): object => ({ AccessKeyId: id, SecretAccessKey: "s", Token: "t", Expiration: UNTIL.toISOString() });
/** What Amazon's own services answer, by the beginning of what they are asked. */
const ANSWERS: readonly (readonly [asked: string, answer: string | object])[] = [
  ["GET /container", whoever("FROM-CONTAINER")],
  ["GET /federation/credentials?", { roleCredentials: { accessKeyId: "FROM-SSO", secretAccessKey: "s", sessionToken: "t", expiration: UNTIL.getTime() } }],
  ["POST /sts", `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>FROM-WEB-IDENTITY</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${UNTIL.toISOString()}</Expiration>
    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`],
  ["PUT /latest/api/token", "TOKEN"],
  ["GET /latest/meta-data/iam/security-credentials/rstuf", { Code: "Success", ...whoever("FROM-INSTANCE") }],
  ["GET /latest/meta-data/iam/security-credentials/", "rstuf"],
];
const asked: { readonly what: string; readonly token: unknown; readonly body: string }[] = [];
const amazon = createServer((request, answer) => {
  void text(request).then((body) => {
    const what = `${request.method ?? ""} ${request.url ?? ""}`;
    asked.push({ what, token: request.headers["x-aws-ec2-metadata-token"] ?? request.headers["x-amz-sso_bearer_token"], body });
    const found = ANSWERS.find(([start]) => what.startsWith(start))?.[1];
    answer.statusCode = found === undefined ? 404 : 200;
    answer.end(typeof found === "object" ? JSON.stringify(found) : found);
  });
});
await new Promise<void>((resolve) => { amazon.listen(0, "127.0.0.1", resolve); });
const at = `http://127.0.0.1:${String((amazon.address() as AddressInfo).port)}`;
after(async () => {
  await server.close();
  await new Promise((resolve) => amazon.close(resolve));
  rmSync(folder, { recursive: true });
});

const own = { ...process.env };
beforeEach(() => {
  // Nothing of the machine's own is asked.
  process.env = Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith("AWS_")));
  asked.length = 0;
  Object.assign(process.env, { HOME: folder, AWS_EC2_METADATA_DISABLED: "true", AWS_SHARED_CREDENTIALS_FILE: join(folder, "none"), AWS_CONFIG_FILE: join(folder, "none") });
});
after(() => { process.env = own; });

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

interface Source {
  readonly name: string;
  readonly id: string;
  readonly environment: () => Readonly<Record<string, string>>;
  /** What Amazon must have been asked, with which token, or with what in the body. */
  readonly asks?: readonly (readonly [what: string, proof: string])[];
}

const SOURCES: readonly Source[] = [
  { name: "the environment", id: "FROM-ENVIRONMENT", environment: () => ({ AWS_ACCESS_KEY_ID: "FROM-ENVIRONMENT", AWS_SECRET_ACCESS_KEY: "s" }) },
  {
    name: "single sign-on, with the token that `aws sso login` left", id: "FROM-SSO",
    environment: () => {
      mkdirSync(join(folder, ".aws/sso/cache"), { recursive: true });
      file(`.aws/sso/cache/${createHash("sha1").update("here").digest("hex")}.json`, JSON.stringify({ accessToken: "SIGNED-ON", expiresAt: UNTIL.toISOString() }));
      const session = "[sso-session here]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n";
      return { AWS_PROFILE: "tuf", AWS_ENDPOINT_URL_SSO: at, AWS_CONFIG_FILE: file("sso", `${session}[profile tuf]\nsso_session = here\nsso_account_id = 1\nsso_role_name = rstuf\n`) };
    },
    asks: [["GET /federation/credentials?", "SIGNED-ON"]],
  },
  { name: "a profile of the shared file", id: "FROM-PROFILE", environment: () => ({ AWS_PROFILE: "tuf", AWS_SHARED_CREDENTIALS_FILE: file("credentials", "[tuf]\naws_access_key_id = FROM-PROFILE\naws_secret_access_key = s\n") }) },
  { name: "a program that a profile names", id: "FROM-PROGRAM", environment: () => ({ AWS_PROFILE: "tuf", AWS_CONFIG_FILE: file("config", `[profile tuf]\ncredential_process = /bin/cat ${file("answer.json", '{"Version":1,"AccessKeyId":"FROM-PROGRAM","SecretAccessKey":"s"}')}\n`) }) },
  {
    name: "a web identity, as a service account in Kubernetes has one", id: "FROM-WEB-IDENTITY",
    environment: () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: file("token", "WHO-WE-ARE"), AWS_ROLE_ARN: "arn:aws:iam::1:role/rstuf", AWS_ENDPOINT_URL_STS: `${at}/sts`, AWS_REGION: "us-east-1" }),
    asks: [["POST /sts", "WebIdentityToken=WHO-WE-ARE"]],
  },
  { name: "the container it runs in", id: "FROM-CONTAINER", environment: () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${at}/container` }), asks: [["GET /container", ""]] },
  {
    name: "the instance it runs on, by the second version of its service", id: "FROM-INSTANCE",
    environment: () => ({ AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: at }),
    asks: [["PUT /latest/api/token", ""], ["GET /latest/meta-data/iam/security-credentials/rstuf", "TOKEN"]],
  },
];

for (const { name, id, environment, asks = [] } of SOURCES) {
  test(`of ${name}`, async () => {
    Object.assign(process.env, environment());
    const storage = await openS3Storage({ endpoint: server.url, bucket: S3_BUCKET, prefix: "" });
    server.seen.length = 0;
    assert.equal(await storage.read("timestamp.json", 100), undefined);
    assert.deepEqual(server.seen.map(({ headers }) => /Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1]), [id]);
    for (const [what, proof] of asks) assert.ok(asked.some((one) => one.what.startsWith(what) && (one.token === proof || one.body.includes(proof))), `${what} with ${proof}: ${JSON.stringify(asked)}`);
    if (asks.length === 0) assert.deepEqual(asked, []);
    await storage.close();
  });
}
