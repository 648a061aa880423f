// Other people's clients while the tree of delegations changes shape: custom roles beside bins, roles
// below roles, bins below a role, other numbers of bins.

import { after, before, describe, test } from "node:test";
import { Watched } from "./watched.ts";

const role = (name: string, paths: readonly string[], more: object = {}): object => ({ name, terminating: true, keyids: [], threshold: 1, paths, "x-rstuf-expire-policy": 7, ...more });
const roles = (...list: readonly object[]): object => ({ delegations: { keys: {}, roles: list } });

/** Every shape that the catch-all must take: depths, leading dots, characters of all kinds. */
const PATHS = [
  "a", ".hidden", "b/.well-known", ".c/d", ".e/.f", "g/.h/.i/j", "größe/世界", "emoji/\u{1f600}", "with space/x,y:z;k=v&w", "~v/-x_y.z",
  Array.from({ length: 16 }, (_, at) => `d${String(at)}`).join("/"),
  Array.from({ length: 16 }, (_, at) => (at === 0 || at === 15 ? `.d${String(at)}` : `d${String(at)}`)).join("/"),
];

describe("a repository of bins gets custom roles, and they others below them", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  after(() => ends.disposeAsync());
  before(() => service.submit("/api/v1/bootstrap/", service.bootstrap));

  test("artifacts of all kinds lie in the bins", () => watched.add(...PATHS, "nightly/1", "nightly/2"));
  watched.everybody("before", true);

  test("a custom role comes before the bins, and takes its artifacts", async () => {
    await service.submit("/api/v1/delegations/", roles(role("nightly", ["nightly/*", "nightly/*/*"]), role("open", ["open/*"], { terminating: false })));
    await watched.add("nightly/3", "open/1", "other/2");
  });
  watched.everybody("beside bins");

  test("roles below it, two levels deep, and bins below one", async () => {
    await service.submit("/api/v1/delegations/", roles(role("nightly-arm", ["nightly/arm*", "nightly/arm/*"], { parent: "nightly" }), role("nightly-arm-64", ["nightly/arm/64*"], { parent: "nightly-arm" }), role("pool", ["pool/*"], { bins: 8 })));
    await watched.add("nightly/arm-1", "nightly/arm/2", "nightly/arm/64-3", "pool/4", "pool/5");
  });
  watched.everybody("with roles below roles");

  test("they go again, and their artifacts go up", async () => {
    await service.submit("/api/v1/delegations/delete", { delegations: { roles: [{ name: "nightly-arm" }, { name: "nightly-arm-64" }] } });
  });
  watched.everybody("after the deletion of a subtree");
});

describe("both at bootstrap", async () => {
  const ends = new AsyncDisposableStack();
  const watched = await Watched.start(ends);
  const { service } = watched;
  after(() => ends.disposeAsync());

  test("custom roles and bins", async () => {
    const { settings, metadata } = service.bootstrap as unknown as { settings: { roles: object }; metadata: object };
    const delegations = { keys: {}, roles: [role("nightly", ["nightly/*"])], bins: { number_of_delegated_bins: 16, expiration: 7 } };
    await service.submit("/api/v1/bootstrap/", { settings: { roles: { ...settings.roles, bins: null, delegations } }, metadata });
    await watched.add(...PATHS, "nightly/1");
  });
  watched.everybody("after the bootstrap", true);
});
