// docs/integrate/nginx.md, docs/integrate/caddy.md and deploy/web.conf, run as written by the real servers: what
// clients rely on (timestamp never kept, versioned files for ever, 404 and never 403, never kept), and python-tuf.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { blocks, page } from "../docs/pages.ts";
import { freePort } from "../servers/free-port.ts";
import { PYTHON_TUF, visit } from "./clients.ts";
import { CADDY, DEBIAN_ENVIRONMENT, NGINX } from "./debian.ts";
import { startService, type Service } from "./service.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-interop-web-"));
const packages = join(folder, "packages");
const ends = new AsyncDisposableStack();
let service: Service;

before(async () => {
  service = ends.use(await startService({ online: "ed25519", root: ["ed25519"], bins: 2 }));
  for (const name of ["files", "metadata/.pending"]) mkdirSync(join(packages, name), { recursive: true });
  writeFileSync(join(packages, "files", "a.txt"), "content of a");
  const sha256 = "0cfdd0ddb9b0b5d5ce5bfb6cf4ea7e7f6a0ca0df7f0b9e0ad7bdfd7dd8cbb0a2";
  await service.submit("/api/v1/artifacts/", { artifacts: [{ path: "b.txt", info: { length: 1, hashes: { sha256 } } }] });
  cpSync(service.metadataFolder, join(packages, "metadata"), { recursive: true });
  writeFileSync(join(packages, "metadata", "notes.txt"), "not for anybody");
  symlinkSync("/etc/passwd", join(packages, "metadata", "7.link.json"));
  symlinkSync("/etc/passwd", join(packages, "files", "link.txt"));
  // Workers of a server that root starts are nobody in particular.
  for (const each of [folder, packages, join(packages, "metadata")]) chmodSync(each, 0o755);
});
after(async () => {
  await ends.disposeAsync();
  rmSync(folder, { recursive: true, force: true });
});

/** A running server's base URL. */
type Start = () => Promise<string>;

async function running(program: string, args: readonly string[], port: number): Promise<string> {
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...DEBIAN_ENVIRONMENT, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece: Buffer) => { said += piece.toString(); });
  const ended = new Promise<void>((resolve) => { child.once("close", () => { resolve(); }); });
  ends.defer(async () => { child.kill("SIGTERM"); await ended; });
  const url = `http://127.0.0.1:${String(port)}`;
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null || tries > 200) throw new Error(`${program} did not start:\n${said}`);
    if (await fetch(url).then(() => true, () => false)) return url;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

const nginx = (server: string): Start => async () => {
  const port = await freePort();
  const own = mkdtempSync(join(folder, "nginx-"));
  chmodSync(own, 0o777);
  const text = server.replace(/listen [0-9]+;/, `listen 127.0.0.1:${String(port)};`).replaceAll("/srv/packages", packages).replace("server_name packages.example.org;", "");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${own}/${name};`).join("\n");
  writeFileSync(join(own, "nginx.conf"), `pid ${own}/pid;\ndaemon off;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\ntypes { application/json json; }\n${temporary}\n${text}\n}\n`);
  return running(NGINX, ["-c", join(own, "nginx.conf"), "-p", own], port);
};

const caddy = (site: string): Start => async () => {
  const port = await freePort();
  const file = join(mkdtempSync(join(folder, "caddy-")), "Caddyfile");
  writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n${site.replace("packages.example.org", `http://127.0.0.1:${String(port)}`).replaceAll("/srv/packages", packages)}`);
  return running(CADDY, ["run", "--config", file, "--adapter", "caddyfile"], port);
};

const SERVERS: readonly { readonly name: string; readonly start: Start; readonly files: boolean }[] = [
  { name: "docs/integrate/nginx.md", start: nginx(blocks("docs/integrate/nginx.md", "nginx")[0] ?? ""), files: true },
  { name: "deploy/web.conf", start: nginx(page("deploy/web.conf")), files: false },
  { name: "docs/integrate/caddy.md", start: caddy(blocks("docs/integrate/caddy.md", "caddyfile")[0] ?? ""), files: true },
];

for (const { name, start, files } of SERVERS) {
  describe(name, () => {
    let url: string;
    before(async () => { url = await start(); });
    const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(`${url}${path}`, { headers });

    test("timestamp.json is sent whole each time, and not to be kept", async () => {
      const first = await get("/metadata/timestamp.json");
      assert.deepEqual([first.status, first.headers.get("cache-control")], [200, "no-cache"]);
      assert.deepEqual(Buffer.from(await first.arrayBuffer()), readFileSync(join(packages, "metadata", "timestamp.json")));
      const [etag, modified] = [first.headers.get("etag"), first.headers.get("last-modified")];
      const conditions = { ...(etag === null ? {} : { "if-none-match": etag }), ...(modified === null ? {} : { "if-modified-since": modified }) };
      const again = await get("/metadata/timestamp.json", conditions);
      assert.equal(again.status, 200, "two timestamps of one second and size may share a tag");
      await again.arrayBuffer();
    });

    test("versioned files are for ever", async () => {
      for (const file of ["1.root.json", "1.targets.json"]) {
        const answer = await get(`/metadata/${file}`).then((each) => each.status === 200 ? each : get("/metadata/1.root.json"));
        assert.deepEqual([answer.status, answer.headers.get("cache-control")], [200, "public, max-age=31536000, immutable"]);
        await answer.arrayBuffer();
      }
    });

    for (const path of ["/metadata/2.root.json", "/metadata/", "/metadata", "/metadata/.pending/", "/metadata/notes.txt", "/metadata/01.root.json", "/metadata/timestamp.json.gz", "/metadata/%2e%2e/files/a.txt%00", "/nothing", "/.hidden"]) {
      test(`${path} is not there, and that is never kept`, async () => {
        const answer = await get(path);
        // What is no path at all is refused by some as a fault.
        assert.ok(answer.status === 404 || (path.includes("%00") && [400, 500].includes(answer.status)), String(answer.status));
        if (answer.status === 404) assert.equal(answer.headers.get("cache-control"), "no-store");
        assert.doesNotMatch(await answer.text(), /not for anybody/);
      });
    }

    if (files) {
      test("artifacts are served", async () => {
        assert.equal(await (await get("/files/a.txt")).text(), "content of a");
      });
    }

    test("python-tuf refreshes and looks up", async () => {
      const report = await visit(PYTHON_TUF, { metadata: `${url}/metadata/`, artifacts: `${url}/files/`, root: service.root, cache: mkdtempSync(join(folder, "cache-")) }, ["nothing.txt"]);
      assert.deepEqual([report.error, report.targets], [undefined, { "nothing.txt": { state: "not-found" } }]);
    });
  });
}
