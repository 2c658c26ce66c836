// curl, as manuals and scripts use it: -n, JSON, forms and multipart uploads.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";

const { DATABRICKS_HOST: host, DATABRICKS_TOKEN: token } = process.env;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "interop-"));
after(() => fs.rmSync(dir, { recursive: true }));

function file(name, content) {
  const whole = path.join(dir, name);
  fs.writeFileSync(whole, content, { mode: 0o600 });
  return whole;
}
const netrc = file("netrc", `machine ${new URL(host).hostname}\nlogin token\npassword ${token}\n`);
const asNetrc = ["-n", "--netrc-file", netrc];
const asBearer = ["-H", `Authorization: Bearer ${token}`];
const asBasic = ["-u", `token:${token}`];

const run = promisify(execFile);

// curl returns the status, the type and the text of the response. The path may be at
// any position among the arguments.
async function curl(...args) {
  const wanted = args.map((a) => (a.startsWith("/api/") ? host + a : a));
  const { stdout } = await run("curl", ["-q", "-sS", "--noproxy", "*", "--max-time", "60", "-w", "\n%{http_code} %{content_type}", ...wanted], { maxBuffer: 1 << 26 });
  const end = stdout.lastIndexOf("\n");
  const [, status, type] = stdout.slice(end + 1).match(/^(\d+) ?(.*)$/);
  return { status: Number(status), type, text: stdout.slice(0, end) };
}

// json calls curl with the netrc file. The response must be JSON and a success.
async function json(...args) {
  const response = await curl(...asNetrc, ...args);
  assert.equal(response.status, 200, response.text);
  assert.match(response.type, /^application\/json/);
  return JSON.parse(response.text);
}

// until polls until a condition holds.
async function until(done, ...args) {
  for (;;) {
    const response = await json(...args);
    if (done(response)) return response;
  }
}

// error makes a call that must fail.
async function error(status, code, ...args) {
  const response = await curl(...args);
  assert.match(response.type, /^application\/json/, response.text);
  const body = JSON.parse(response.text);
  assert.deepEqual([response.status, body.error_code], [status, code], response.text);
  assert.equal(typeof body.message, "string");
}

const base64 = (text) => Buffer.from(text).toString("base64");
const small = { spark_version: "13.3.x-scala2.12", node_type_id: "Standard_DS3_v2", num_workers: 1 };
const isRunning = (c) => c.state === "RUNNING";

async function running(name) {
  const { cluster_id } = await json("-X", "POST", "-d", JSON.stringify({ cluster_name: name, ...small }), "/api/2.0/clusters/create");
  await until(isRunning, `/api/2.0/clusters/get?cluster_id=${cluster_id}`);
  return cluster_id;
}

describe("the manual", { concurrency: true }, () => {
  test("curl -n …/clusters/get?cluster_id=…", async () => {
    const created = await json("-X", "POST", "-H", "Content-Type: application/json", "-d", JSON.stringify({
      cluster_name: "demo",
      spark_version: "13.3.x-scala2.12",
      node_type_id: "Standard_DS3_v2",
      spark_conf: { "spark.speculation": true },
      autoscale: { min_workers: 2, max_workers: 50 },
      spark_env_vars: { PYSPARK_PYTHON: "/databricks/python3/bin/python3" },
      autotermination_minutes: 120,
    }), "/api/2.0/clusters/create");
    assert.deepEqual(Object.keys(created), ["cluster_id"]);
    const cluster = await until(isRunning, `/api/2.0/clusters/get?cluster_id=${created.cluster_id}`);
    // The members of the manual's sample, and their types.
    for (const [name, type] of Object.entries({
      cluster_id: "string", spark_context_id: "number", cluster_name: "string", spark_version: "string", node_type_id: "string",
      driver_node_type_id: "string", autotermination_minutes: "number", enable_elastic_disk: "boolean", cluster_source: "string",
      state: "string", state_message: "string", start_time: "number", last_state_loss_time: "number", autoscale: "object",
      cluster_memory_mb: "number", cluster_cores: "number", default_tags: "object", creator_user_name: "string",
    })) {
      assert.equal(typeof cluster[name], type, `${name} is ${JSON.stringify(cluster[name])}`);
    }
    assert.deepEqual(cluster.autoscale, { min_workers: 2, max_workers: 50 });
    assert.deepEqual(cluster.spark_conf, { "spark.speculation": "true" }, "a bool is a string there");
    assert.equal(cluster.default_tags.ClusterName, "demo");

    // The C# sample, with Bearer and JSON. The response is an empty object.
    const ended = await curl(...asBearer, "-H", "Content-Type: application/json; charset=utf-8",
      "-d", JSON.stringify({ cluster_id: created.cluster_id }), "/api/2.0/clusters/delete");
    assert.deepEqual([ended.status, ended.text], [200, "{}"]);
    const gone = await until((c) => c.state === "TERMINATED", `/api/2.0/clusters/get?cluster_id=${created.cluster_id}`);
    assert.equal(gone.termination_reason.code, "USER_REQUEST");
    assert.equal(typeof gone.terminated_time, "number");
  });

  test("the body of the Python sample, which belongs to another call", async () => {
    // It wraps the cluster in new_cluster, which clusters/create ignores.
    await error(400, "INVALID_PARAMETER_VALUE", ...asBearer, "-d", JSON.stringify({ new_cluster: { cluster_name: "demo", ...small } }), "/api/2.0/clusters/create");
  });
});

describe("signing in", () => {
  const list = "/api/2.0/clusters/list";
  for (const [how, args] of Object.entries({
    "-n": asNetrc,
    Bearer: asBearer,
    "Basic with token": asBasic,
    "Basic with name and password": ["-u", "alice@example.com:for Basic"],
    "-n of a default entry": ["-n", "--netrc-file", file("default", `default login token password ${token}\n`)],
  })) {
    test(how, async () => assert.equal((await curl(...args, list)).status, 200));
  }
  test("no credential", async () => assert.equal((await curl(list)).status, 401));
  test("-n for another host", async () => {
    const other = file("other", `machine other.example.com login token password ${token}\n`);
    assert.equal((await curl("-n", "--netrc-file", other, list)).status, 401);
  });
  test("a wrong token", async () => {
    const { status, type } = await curl("-H", "Authorization: Bearer dapi0", list);
    assert.equal(status, 403);
    assert.ok(type);
  });
  test("a wrong password", async () => assert.equal((await curl("-u", "alice@example.com:wrong", list)).status, 401));
});

describe("how a call is sent", () => {
  test("GET with a JSON body", async () => {
    await json("-d", JSON.stringify({ path: "/interop-get" }), "/api/2.0/dbfs/mkdirs");
    const status = await json("-X", "GET", "-d", JSON.stringify({ path: "/interop-get" }), "/api/2.0/dbfs/get-status");
    assert.deepEqual([status.path, status.is_dir], ["/interop-get", true]);
  });
  test("GET with -G", async () => {
    const status = await json("-G", "--data-urlencode", "path=/", "/api/2.0/dbfs/get-status");
    assert.deepEqual([status.path, status.is_dir, status.file_size], ["/", true, 0]);
  });
  test("POST by --json, as curl 7.82 and later has it, and without a type", async () => {
    for (const type of ["application/json", ""]) {
      await json("-H", `Content-Type: ${type}`, "-H", "Accept: application/json", "-d", `{"path": "/interop-json"}`, "/api/2.0/dbfs/mkdirs");
    }
  });
  test("with gzip", async () => {
    const { node_types } = await json("--compressed", "/api/2.0/clusters/list-node-types");
    assert.ok(node_types.length > 0);
  });
  test("HEAD, PUT and the like", async () => {
    await error(404, "ENDPOINT_NOT_FOUND", ...asBearer, "-X", "PUT", "-d", "{}", "/api/2.0/clusters/list");
    await error(404, "ENDPOINT_NOT_FOUND", ...asBearer, "/api/2.0/clusters/create");
    await error(404, "ENDPOINT_NOT_FOUND", ...asBearer, "/api/2.0/nothing/here");
  });
  test("no JSON", async () => {
    await error(400, "MALFORMED_REQUEST", ...asBearer, "-d", "{", "/api/2.0/dbfs/mkdirs");
    await error(400, "MALFORMED_REQUEST", ...asBearer, "-d", "path=/form", "/api/2.0/dbfs/mkdirs");
    await error(400, "MALFORMED_REQUEST", ...asBearer, "-d", "[1]", "/api/2.0/dbfs/mkdirs");
  });
  test("a parameter is missing", async () => {
    await error(400, "INVALID_PARAMETER_VALUE", ...asBearer, "-d", "{}", "/api/2.0/dbfs/mkdirs");
    await error(400, "INVALID_PARAMETER_VALUE", ...asBearer, "/api/2.0/clusters/get");
  });
});

describe("usual calls", { concurrency: true }, () => {
  test("files", async () => {
    const local = file("upload.bin", Buffer.alloc(3 << 20, "0123456789"));
    const remote = "/interop-curl/upload.bin";
    assert.deepEqual(await json("-F", `contents=@${local}`, "-F", `path=${remote}`, "-F", "overwrite=true", "/api/2.0/dbfs/put"), {});
    assert.deepEqual(await json("-F", "overwrite=true", "-F", `path=${remote}`, "-F", `contents=@${local}`, "/api/2.0/dbfs/put"), {}, "in any order");
    await error(400, "RESOURCE_ALREADY_EXISTS", ...asNetrc, "-F", `path=${remote}`, "-F", `contents=@${local}`, "/api/2.0/dbfs/put");
    assert.equal((await json(`/api/2.0/dbfs/get-status?path=${remote}`)).file_size, 3 << 20);
    const read = await json("-G", "-d", `path=${remote}`, "-d", "offset=1048570", "-d", "length=20", "/api/2.0/dbfs/read");
    assert.equal(read.bytes_read, 20);
    assert.equal(Buffer.from(read.data, "base64").toString(), "01234567890123456789");
    const { files } = await json("/api/2.0/dbfs/list?path=/interop-curl");
    assert.deepEqual(files.map((f) => [f.path, f.is_dir, f.file_size]), [[remote, false, 3 << 20]]);

    const { handle } = await json("-d", `{"path": "/interop-curl/blocks", "overwrite": "true"}`, "/api/2.0/dbfs/create");
    assert.equal(typeof handle, "number");
    await json("-d", `{"handle": ${handle}, "data": "${base64("one, ")}"}`, "/api/2.0/dbfs/add-block");
    await json("-d", `{"handle": "${handle}", "data": "${base64("two")}"}`, "/api/2.0/dbfs/add-block");
    await json("-d", `{"handle": ${handle}}`, "/api/2.0/dbfs/close");
    assert.equal((await json("/api/2.0/dbfs/read?path=/interop-curl/blocks")).data, base64("one, two"));
    await json("-d", `{"path": "/interop-curl", "recursive": true}`, "/api/2.0/dbfs/delete");
    await error(404, "RESOURCE_DOES_NOT_EXIST", ...asNetrc, `/api/2.0/dbfs/get-status?path=${remote}`);
    await error(400, "MAX_BLOCK_SIZE_EXCEEDED", ...asNetrc, "-d", `@${file("block.json", JSON.stringify({ path: "/x", contents: base64(Buffer.alloc((1 << 20) + 1)) }))}`, "/api/2.0/dbfs/put");
  });

  test("notebooks", async () => {
    const notebook = file("notebook.py", "# Databricks notebook source\nprint(1)\n");
    await json("-F", "path=/Shared/curl", "-F", "language=PYTHON", "-F", "format=SOURCE", "-F", "overwrite=true", "-F", `content=@${notebook}`, "/api/2.0/workspace/import");
    const status = await json("/api/2.0/workspace/get-status?path=/Shared/curl");
    assert.deepEqual([status.object_type, status.language], ["NOTEBOOK", "PYTHON"]);
    const { content } = await json("/api/2.0/workspace/export?path=/Shared/curl&format=SOURCE");
    assert.match(Buffer.from(content, "base64").toString(), /^# Databricks notebook source\nprint\(1\)/);
    const direct = await curl(...asNetrc, "/api/2.0/workspace/export?path=/Shared/curl&format=SOURCE&direct_download=true");
    assert.match(direct.text, /^# Databricks notebook source\nprint\(1\)/);
    const { objects } = await json("/api/2.0/workspace/list?path=/Shared");
    assert.ok(objects.some((o) => o.path === "/Shared/curl"));
    await json("-d", `{"path": "/Shared/curl"}`, "/api/2.0/workspace/delete");
  });

  test("a job", async () => {
    const { job_id } = await json("-d", JSON.stringify({ name: "curl", new_cluster: small, notebook_task: { notebook_path: "/Shared/x" }, timeout_seconds: 3600 }), "/api/2.0/jobs/create");
    const { run_id, number_in_job } = await json("-d", JSON.stringify({ job_id, notebook_params: { a: "1" } }), "/api/2.0/jobs/run-now");
    assert.deepEqual([typeof job_id, typeof run_id, typeof number_in_job], ["number", "number", "number"]);
    const run = await until((r) => r.state.life_cycle_state === "TERMINATED", `/api/2.0/jobs/runs/get?run_id=${run_id}`);
    assert.equal(run.state.result_state, "SUCCESS");
    const { runs, has_more } = await json(`/api/2.0/jobs/runs/list?job_id=${job_id}&limit=1&offset=0`);
    assert.deepEqual([runs.length, runs[0].run_id, has_more], [1, run_id, false]);
    assert.equal((await json(`/api/2.0/jobs/get?job_id=${job_id}`)).settings.timeout_seconds, 3600);
    assert.ok((await json("/api/2.0/jobs/list")).jobs.some((j) => j.job_id === job_id));
    assert.equal((await json(`/api/2.0/jobs/runs/get-output?run_id=${run_id}`)).metadata.run_id, run_id);
    await json("-d", JSON.stringify({ job_id, new_settings: { name: "reset", new_cluster: small, spark_jar_task: { main_class_name: "X" } } }), "/api/2.0/jobs/reset");
    await json("-d", JSON.stringify({ job_id }), "/api/2.0/jobs/delete");
    await error(400, "INVALID_PARAMETER_VALUE", ...asNetrc, `/api/2.0/jobs/get?job_id=${job_id}`);
  });

  test("groups", async () => {
    assert.deepEqual(await json("-d", `{"group_name": "curl"}`, "/api/2.0/groups/create"), { group_name: "curl" });
    await json("-d", `{"user_name": "bob@example.com", "parent_name": "curl"}`, "/api/2.0/groups/add-member");
    assert.deepEqual(await json("/api/2.0/groups/list-members?group_name=curl"), { members: [{ user_name: "bob@example.com" }] });
    assert.ok((await json("-G", "--data-urlencode", "user_name=bob@example.com", "/api/2.0/groups/list-parents")).group_names.includes("curl"));
    await json("-d", `{"user_name": "bob@example.com", "parent_name": "curl"}`, "/api/2.0/groups/remove-member");
    await json("-d", `{"group_name": "curl"}`, "/api/2.0/groups/delete");
    assert.ok(!(await json("/api/2.0/groups/list")).group_names.includes("curl"));
  });

  test("secrets and tokens", async () => {
    await json("-d", `{"scope": "curl", "initial_manage_principal": "users"}`, "/api/2.0/secrets/scopes/create");
    await json("-d", `{"scope": "curl", "key": "k", "string_value": "v"}`, "/api/2.0/secrets/put");
    const { secrets } = await json("/api/2.0/secrets/list?scope=curl");
    assert.deepEqual(secrets, [{ key: "k", last_updated_timestamp: secrets[0].last_updated_timestamp }]);
    assert.equal(typeof secrets[0].last_updated_timestamp, "number");
    await json("-d", `{"scope": "curl"}`, "/api/2.0/secrets/scopes/delete");
    const { token_value, token_info } = await json("-d", `{"comment": "curl", "lifetime_seconds": 3600}`, "/api/2.0/token/create");
    assert.equal((await curl("-u", `token:${token_value}`, "/api/2.0/token/list")).status, 200);
    await json("-d", JSON.stringify({ token_id: token_info.token_id }), "/api/2.0/token/delete");
    assert.equal((await curl("-u", `token:${token_value}`, "/api/2.0/token/list")).status, 403);
  });

  test("libraries", async () => {
    const cluster_id = await running("libraries");
    await json("-d", JSON.stringify({ cluster_id, libraries: [{ jar: "dbfs:/a.jar" }] }), "/api/2.0/libraries/install");
    const { library_statuses } = await until((s) => s.library_statuses[0].status === "INSTALLED", `/api/2.0/libraries/cluster-status?cluster_id=${cluster_id}`);
    assert.deepEqual(library_statuses[0].library, { jar: "dbfs:/a.jar" });
  });
});

describe("REST 1.2", { concurrency: true }, () => {
  test("upload and run, as its manual's example", async () => {
    const clusterId = await running("1.2");
    const jar = file("example.jar", Buffer.alloc(1000, "PK"));
    const uploaded = await json("-F", "libType=java-jar", "-F", "name=example", "-F", "folder=/", "-F", `uri=@${jar}`, "/api/1.2/libraries/upload");
    assert.ok(uploaded.id);
    const libraries = await json("/api/1.2/libraries/list");
    assert.ok(libraries.some((l) => l.id === uploaded.id));
    await json("-d", `libraryId=${uploaded.id}&clusterId=${clusterId}`, "/api/1.2/libraries/attach");
    await until((s) => s.statuses?.some((x) => x.status === "Attached"), `/api/1.2/libraries/status?libraryId=${uploaded.id}`);

    const { id: contextId } = await json("-d", "language=python", "-d", `clusterId=${clusterId}`, "/api/1.2/contexts/create");
    await until((c) => c.status === "Running", `/api/1.2/contexts/status?clusterId=${clusterId}&contextId=${contextId}`);
    const finished = (id) => until((c) => c.status === "Finished", `/api/1.2/commands/status?clusterId=${clusterId}&contextId=${contextId}&commandId=${id}`);

    const form = await json("--data-urlencode", "command=print(20 + 22)", "-d", `language=python&clusterId=${clusterId}&contextId=${contextId}`, "/api/1.2/commands/execute");
    assert.deepEqual((await finished(form.id)).results, { resultType: "text", data: "42" });
    const body = await json("-H", "Content-Type: application/json", "-d", JSON.stringify({ language: "python", clusterId, contextId, command: "'a' + 'b'" }), "/api/1.2/commands/execute");
    assert.equal((await finished(body.id)).results.data, "'ab'");
    const code = file("code.py", "x = 'grüße'\nprint(x)\n");
    const upload = await json("-F", "language=python", "-F", `clusterId=${clusterId}`, "-F", `contextId=${contextId}`, "-F", `command=@${code}`, "/api/1.2/commands/execute");
    assert.equal((await finished(upload.id)).results.data, "grüße");
    const wrong = await json("-d", "command=1/0", "-d", `language=python&clusterId=${clusterId}&contextId=${contextId}`, "/api/1.2/commands/execute");
    const { results } = await finished(wrong.id);
    assert.equal(results.resultType, "error");
    assert.match(results.cause, /ZeroDivisionError/);

    assert.deepEqual(await json("-d", `clusterId=${clusterId}&contextId=${contextId}`, "/api/1.2/contexts/destroy"), { id: contextId });
    const gone = await curl(...asNetrc, `/api/1.2/contexts/status?clusterId=${clusterId}&contextId=${contextId}`);
    assert.deepEqual([gone.status, JSON.parse(gone.text)], [500, { error: "ContextNotFound" }]);
  });

  test("clusters", async () => {
    const { cluster_id: id } = await json("-d", JSON.stringify({ cluster_name: "older", ...small }), "/api/2.0/clusters/create");
    const status = await until((c) => c.status === "Running", `/api/1.2/clusters/status?clusterId=${id}`);
    assert.deepEqual([status.id, status.name, typeof status.numWorkers], [id, "older", "number"]);
    assert.ok((await json("/api/1.2/clusters/list")).some((c) => c.id === id));
    await json("-d", `clusterId=${id}`, "/api/1.2/clusters/restart");
    await until((c) => c.status === "Running", `/api/1.2/clusters/status?clusterId=${id}`);
    await json("-d", `clusterId=${id}`, "/api/1.2/clusters/delete");
    await until((c) => c.status === "Terminated", `/api/1.2/clusters/status?clusterId=${id}`);
    const none = await curl(...asBasic, "/api/1.2/clusters/status?clusterId=none");
    assert.equal(none.status, 500);
    assert.deepEqual(Object.keys(JSON.parse(none.text)), ["error"]);
  });
});
