// Scripts as people write them for pipelines and cron jobs, in bash, sh and Python. They
// use curl, grep and sed. Only Python parses JSON.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const { DATABRICKS_HOST: host, DATABRICKS_TOKEN: token } = process.env;
const scripts = fileURLToPath(new URL("scripts", import.meta.url));
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "interop-"));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const whole = path.join(dir, name);
  fs.writeFileSync(whole, content, { mode: 0o600 });
  return whole;
}

// run returns what a script prints. The script must succeed.
async function run(script, args = [], env = {}) {
  const { stdout } = await promisify(execFile)(path.join(scripts, script), args, { env: { ...process.env, NO_PROXY: "*", ...env }, timeout: 120e3 });
  return stdout.trim();
}

// fails runs a script that must fail, and returns its error text.
async function fails(script, args, env) {
  try {
    await run(script, args, env);
  } catch (e) {
    if (typeof e.code === "number") return e.stderr.trim();
    throw e;
  }
  assert.fail(`${script} succeeded`);
}

// api makes a call for the tests themselves.
async function api(method, name, body) {
  const response = await fetch(`${host}/api/2.0/${name}`, { method, headers: { Authorization: `Bearer ${token}` }, body: body && JSON.stringify(body) });
  const result = await response.json();
  assert.ok(response.ok, JSON.stringify(result));
  return result;
}

async function create(cluster_name, more) {
  return (await api("POST", "clusters/create", { cluster_name, spark_version: "13.3.x-scala2.12", node_type_id: "Standard_DS3_v2", num_workers: 1, ...more })).cluster_id;
}

async function running(cluster_name) {
  const id = await create(cluster_name);
  while ((await api("GET", `clusters/get?cluster_id=${id}`)).state !== "RUNNING");
  return id;
}

describe("scripts", { concurrency: true }, () => {
  test("create-environment.sh twice, and backup.py", async () => {
    const env = { STORAGE_KEY: "k3y" };
    const first = await run("create-environment.sh", ["environment", path.join(scripts, "notebooks")], env);
    const id = first.match(/^##vso\[task\.setvariable variable=clusterId\](\S+)$/)[1];
    assert.equal((await api("GET", `clusters/get?cluster_id=${id}`)).spark_env_vars.STORAGE_KEY, "{{secrets/environment/storage-key}}");
    assert.equal((await api("GET", "workspace/get-status?path=/Shared/environment/etl/load")).object_type, "NOTEBOOK");
    assert.equal(await run("create-environment.sh", ["environment", path.join(scripts, "notebooks")], env), first, "all of it is there");

    await api("POST", "dbfs/put", { path: "/backup/data/small.txt", contents: Buffer.from("hello").toString("base64") });
    const target = path.join(dir, "backup");
    const copied = await run("backup.py", ["/Shared/environment", "/backup", target]);
    assert.deepEqual(copied.split("\n").sort(), ["dbfs/data/small.txt", "workspace/etl/load.py", "workspace/first.py"].map((f) => path.join(target, f)));
    assert.equal(fs.readFileSync(path.join(target, "workspace/etl/load.py"), "utf8").trim(), fs.readFileSync(path.join(scripts, "notebooks/etl/load.py"), "utf8").trim());
    assert.equal(await fails("backup.py", ["/Shared/nowhere", "/", target]), "404 RESOURCE_DOES_NOT_EXIST");
  });

  test("terminate-clusters.py", async () => {
    await create("of the pipeline", { custom_tags: { pipeline: "17" } });
    const other = await create("of another", { custom_tags: { pipeline: "18" } });
    const out = await run("terminate-clusters.py", ["pipeline", "17"]);
    assert.match(out, /^terminating of the pipeline (PENDING|RUNNING)\nterminated of the pipeline USER_REQUEST$/);
    assert.notEqual((await api("GET", `clusters/get?cluster_id=${other}`)).state, "TERMINATED");
    assert.match(await fails("terminate-clusters.py", ["pipeline", "17"], { DATABRICKS_TOKEN: "dapi0" }), /^403 /);
  });

  test("cluster.sh", async () => {
    const env = { NETRC: file("netrc", `machine ${new URL(host).hostname}\nlogin token\npassword ${token}\n`) };
    await running("by day");
    for (const _ of [1, 2]) assert.equal(await run("cluster.sh", ["stop", "by day"], env), "by day is TERMINATED");
    for (const _ of [1, 2]) assert.equal(await run("cluster.sh", ["start", "by day"], env), "by day is RUNNING");
    assert.equal(await fails("cluster.sh", ["stop", "unknown"], env), "no cluster unknown");
  });

  test("swap-jar.sh", async () => {
    const id = await running("with a JAR");
    const jars = [];
    for (const version of [1, 2]) {
      jars.push(await run("swap-jar.sh", [id, file(`app-${version}.jar`, Buffer.alloc((2 << 20) + version, version)), "app"]));
      const { library_statuses } = await api("GET", `libraries/cluster-status?cluster_id=${id}`);
      assert.deepEqual(library_statuses.map((l) => [l.library.jar, l.status]), [[`dbfs:${jars.at(-1)}`, "INSTALLED"]]);
    }
    assert.notEqual(jars[0], jars[1]);
  });

  test("run-command.py", async () => {
    const id = await running("for commands");
    assert.equal(await run("run-command.py", [id, file("good.py", "import sys\nprint('grüße', 6 * 7)\n")]), "grüße 42");
    assert.match(await fails("run-command.py", [id, file("bad.py", "1 / 0")]), /ZeroDivisionError/);
  });

  test("submit.sh", async () => {
    assert.equal(await run("submit.sh", [file("args.py", "import sys\nprint(sys.argv[1:])"), "a", "b c"]), "['a', 'b c']");
    assert.match(await fails("submit.sh", [file("fails.py", "raise ValueError('no rows')")]), /no rows/);
  });

  test("rotate-token.sh", async () => {
    const first = await run("rotate-token.sh", ["of a script"]);
    const second = await run("rotate-token.sh", ["of a script"], { DATABRICKS_TOKEN: first });
    assert.notEqual(first, second);
    await fails("rotate-token.sh", ["of a script"], { DATABRICKS_TOKEN: first });
    assert.equal((await api("GET", "token/list")).token_infos.filter((t) => t.comment === "of a script").length, 1);
  });
});
