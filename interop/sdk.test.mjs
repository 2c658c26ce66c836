// The official JavaScript SDK, with its own waiters, retries and pages.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import sdk from "@databricks/sdk-experimental";
import { methodsOf, strict } from "./declared.mjs";

const { DATABRICKS_HOST: host, DATABRICKS_TOKEN: token } = process.env;

// Members of responses that the SDK does not declare, see README.md.
const beyond = [
  "CommandExecutionService.destroy().id",
  "WorkspaceService.import().object_id",
  "compute.CloudProviderNodeInfo.available_core_quota",
  "compute.CloudProviderNodeInfo.total_core_quota",
  "compute.ClusterDetails.disk_spec",
  "compute.ClusterDetails.driver_healthy",
  "compute.ClusterDetails.driver_instance_source",
  "compute.ClusterDetails.effective_spark_version",
  "compute.ClusterDetails.init_scripts_safe_mode",
  "compute.ClusterDetails.instance_source",
  "compute.ClusterDetails.last_activity_time",
  "compute.NodeInstanceType.instance_family",
  "compute.NodeInstanceType.swap_size",
  "jobs.BaseRun.format",
  "jobs.Run.format",
];
const unknown = new Set();
const called = new Set();

const services = {
  clusters: ["compute", "ClustersService"],
  commandExecution: ["compute", "CommandExecutionService"],
  libraries: ["compute", "LibrariesService"],
  jobs: ["jobs", "JobsService"],
  dbfs: ["files", "DbfsService"],
  workspace: ["workspace", "WorkspaceService"],
  secrets: ["workspace", "SecretsService"],
  tokens: ["settings", "TokensService"],
  tokenManagement: ["settings", "TokenManagementService"],
};

// connect returns the services of a client. Their results are checked.
function connect(config) {
  const client = new sdk.WorkspaceClient(config, { product: "interop", productVersion: "1.0.0" });
  return Object.fromEntries(Object.entries(services).map(([name, [area, service]]) => [name, strict(client[name], area, service, unknown, called)]));
}
const client = connect({ host, token, authType: "pat" });

async function all(iterable) {
  const elements = [];
  for await (const element of iterable) elements.push(element);
  return elements;
}

const fails = (promise, statusCode, errorCode) => assert.rejects(promise, (e) => {
  assert.deepEqual([e.statusCode, e.errorCode], [statusCode, errorCode], `${e.statusCode} ${e.errorCode}: ${e.message}`);
  return true;
});

const base64 = (text) => Buffer.from(text).toString("base64");
const small = { spark_version: "13.3.x-scala2.12", node_type_id: "Standard_DS3_v2", num_workers: 1, autotermination_minutes: 0 };
const running = async (name) => (await client.clusters.create({ cluster_name: name, ...small })).wait();

const concurrently = { concurrency: true }; // the tests spend most of their time waiting

describe("services", concurrently, () => {
  describe("clusters", concurrently, () => {
    test("the life cycle, with waiters", async () => {
      const created = await client.clusters.create({
        cluster_name: "life",
        ...small,
        autotermination_minutes: 600,
        custom_tags: { team: "interop" },
        spark_conf: { "spark.speculation": "true" },
        spark_env_vars: { PYSPARK_PYTHON: "/databricks/python3/bin/python3" },
      });
      const states = [];
      const cluster = await created.wait({ onProgress: async (c) => states.push(c.state) });
      const cluster_id = created.cluster_id;
      assert.equal(cluster.cluster_id, cluster_id);
      assert.equal(cluster.state, "RUNNING");
      assert.equal(states.at(-1), "RUNNING");
      assert.equal(cluster.spark_conf["spark.speculation"], "true");
      assert.equal(cluster.custom_tags.team, "interop");
      assert.equal(cluster.default_tags.ClusterId, cluster_id);
      assert.equal(cluster.executors.length, 1);
      assert.ok(cluster.driver.node_id);
      assert.ok(Math.abs(cluster.start_time - Date.now()) < 365 * 86400e3, "milliseconds");

      const resized = await (await client.clusters.resize({ cluster_id, num_workers: 3 })).wait();
      assert.equal(resized.num_workers, 3);
      assert.equal(resized.executors.length, 3);

      const edited = await (await client.clusters.edit({ cluster_id, cluster_name: "edited", ...small, autoscale: { min_workers: 1, max_workers: 4 }, num_workers: undefined })).wait();
      assert.equal(edited.cluster_name, "edited");
      assert.equal(edited.autoscale.max_workers, 4);

      const updated = await (await client.clusters.update({ cluster_id, update_mask: "cluster_name", cluster: { cluster_name: "updated" } })).wait();
      assert.equal(updated.cluster_name, "updated");
      assert.equal(updated.autoscale.max_workers, 4);

      assert.equal((await (await client.clusters.restart({ cluster_id })).wait()).state, "RUNNING");
      const ended = await (await client.clusters.delete({ cluster_id })).wait();
      assert.equal(ended.state, "TERMINATED");
      assert.equal(ended.termination_reason.code, "USER_REQUEST");
      assert.ok(ended.terminated_time > ended.start_time);

      await client.clusters.pin({ cluster_id });
      await client.clusters.unpin({ cluster_id });
      await client.clusters.changeOwner({ cluster_id, owner_username: "alice@example.com" });
      assert.equal((await client.clusters.get({ cluster_id })).creator_user_name, "alice@example.com");
      assert.equal((await (await client.clusters.start({ cluster_id })).wait()).state, "RUNNING");

      const events = await all(client.clusters.events({ cluster_id, limit: 2, order: "ASC" }));
      assert.ok(events.length > 4, "more than a page or two");
      assert.equal(events[0].type, "CREATING");
      assert.deepEqual(events.map((e) => e.timestamp), events.map((e) => e.timestamp).sort((a, b) => a - b));
      for (const type of ["RUNNING", "RESIZING", "EDITED", "RESTARTING", "TERMINATING", "STARTING"]) {
        assert.ok(events.some((e) => e.type === type), `${type} among ${events.map((e) => e.type)}`);
      }
      await client.clusters.permanentDelete({ cluster_id });
      await fails(client.clusters.get({ cluster_id }), 400, "INVALID_PARAMETER_VALUE");
    });

    test("a list in pages", async () => {
      const names = ["page 1", "page 2", "page 3"];
      for (const cluster_name of names) await client.clusters.create({ cluster_name, ...small });
      const listed = (await all(client.clusters.list({ page_size: 2 }))).map((c) => c.cluster_name);
      for (const name of names) assert.equal(listed.filter((n) => n === name).length, 1, `${name} among ${listed}`);
      const pending = await all(client.clusters.list({ filter_by: { cluster_states: ["TERMINATED"], is_pinned: true }, sort_by: { field: "CLUSTER_NAME", direction: "DESC" } }));
      assert.deepEqual(pending, []);
    });

    test("runtimes, node types and zones", async () => {
      assert.ok((await client.clusters.sparkVersions()).versions.length > 0);
      assert.ok((await client.clusters.listNodeTypes()).node_types.length > 0);
      await client.clusters.listZones().catch((e) => assert.equal(e.statusCode, 400)); // Azure has none
      const latest = await client.clusters.selectSparkVersion({ longTermSupport: true });
      assert.match(latest, /^\d+\.\d+\.x-scala2\.12$/);
      const node = await client.clusters.selectNodeType({ localDisk: true, minMemoryGb: 8 });
      const created = await client.clusters.create({ cluster_name: "selected", spark_version: latest, node_type_id: node, num_workers: 0 });
      assert.equal((await created.wait()).node_type_id, node);
    });

    test("errors", async () => {
      await fails(client.clusters.get({ cluster_id: "0101-000000-none" }), 400, "INVALID_PARAMETER_VALUE");
      await fails(client.clusters.create({ ...small, spark_version: "" }), 400, "INVALID_PARAMETER_VALUE");
      const stranger = connect({ host, token: "dapi0", authType: "pat" });
      await assert.rejects(all(stranger.clusters.list({})), (e) => e.statusCode === 403);
    });
  });

  describe("jobs", concurrently, () => {
    const cluster = { task_key: "main", new_cluster: small };

    test("a job and its runs", async () => {
      const { job_id } = await client.jobs.create({ name: "nightly", tags: { a: "b" }, max_concurrent_runs: 10, tasks: [
        { ...cluster, notebook_task: { notebook_path: "/Shared/nightly", base_parameters: { day: "1" } } },
        { task_key: "after", depends_on: [{ task_key: "main" }], new_cluster: small, spark_python_task: { python_file: "dbfs:/after.py" } },
      ] });
      const job = await client.jobs.get({ job_id });
      assert.equal(job.settings.name, "nightly");
      assert.deepEqual(job.settings.tasks.map((t) => t.task_key), ["main", "after"]);

      const started = await client.jobs.runNow({ job_id, notebook_params: { day: "2" } });
      const run = await started.wait();
      assert.equal(run.run_id, started.run_id);
      assert.deepEqual([run.state.life_cycle_state, run.state.result_state], ["TERMINATED", "SUCCESS"]);
      assert.equal(run.tasks.length, 2);
      assert.ok(run.end_time >= run.start_time && run.start_time > 1e12);
      const output = await client.jobs.getRunOutput({ run_id: run.tasks[0].run_id });
      assert.equal(output.metadata.run_id, run.tasks[0].run_id);
      assert.ok((await client.jobs.exportRun({ run_id: run.tasks[0].run_id })).views[0].content.includes("<"));

      await client.jobs.update({ job_id, new_settings: { name: "renamed" }, fields_to_remove: ["tags"] });
      const renamed = (await client.jobs.get({ job_id })).settings;
      assert.deepEqual([renamed.name, renamed.tags], ["renamed", undefined]);
      await client.jobs.reset({ job_id, new_settings: { name: "reset", max_concurrent_runs: 10, tasks: [{ ...cluster, spark_jar_task: { main_class_name: "Main" } }] } });
      assert.equal((await client.jobs.get({ job_id })).settings.tasks.length, 1);

      const many = [];
      for (let i = 0; i < 5; i++) many.push((await client.jobs.runNow({ job_id })).run_id);
      const listed = await all(client.jobs.listRuns({ job_id, limit: 2 }));
      assert.deepEqual(listed.map((r) => r.run_id), [...many.reverse(), run.run_id], "the latest first");
      assert.ok((await all(client.jobs.listRuns({ job_id, expand_tasks: true }))).every((r) => r.tasks.length > 0));
      await client.jobs.cancelAllRuns({ job_id });

      await client.jobs.deleteRun({ run_id: run.run_id });
      await fails(client.jobs.getRun({ run_id: run.run_id }), 400, "INVALID_PARAMETER_VALUE");
      await client.jobs.delete({ job_id });
      await fails(client.jobs.get({ job_id }), 400, "INVALID_PARAMETER_VALUE");
    });

    test("a list of jobs in pages", async () => {
      const ids = [];
      for (let i = 0; i < 5; i++) {
        ids.push((await client.jobs.create({ name: "listed", tasks: [{ ...cluster, spark_jar_task: { main_class_name: "Main" } }] })).job_id);
      }
      const listed = await all(client.jobs.list({ name: "listed", limit: 2, expand_tasks: true }));
      assert.deepEqual(listed.map((j) => j.job_id).sort(), ids.sort());
      assert.ok(listed.every((j) => j.settings.tasks[0].task_key === "main"));
    });

    test("a run without a job", async () => {
      const token = `interop-${process.pid}`;
      const submission = { run_name: "once", idempotency_token: token, tasks: [{ ...cluster, spark_python_task: { python_file: "dbfs:/once.py", parameters: ["1"] } }] };
      const submitted = await client.jobs.submit(submission);
      assert.equal((await client.jobs.submit(submission)).run_id, submitted.run_id, "once");
      const run = await submitted.wait();
      assert.deepEqual([run.run_name, run.run_type, run.state.result_state], ["once", "SUBMIT_RUN", "SUCCESS"]);
      assert.equal(run.status.state, "TERMINATED");
      assert.equal(run.status.termination_details.code, "SUCCESS");
    });

    test("a run that is canceled and repaired", async () => {
      // The tasks run one after another, so that the run takes long enough.
      const keys = ["a", "b", "c", "d", "e"];
      const tasks = keys.map((task_key, i) => ({ ...cluster, task_key, notebook_task: { notebook_path: "/Shared/x" }, depends_on: keys.slice(0, i).map((k) => ({ task_key: k })) }));
      const { job_id } = await client.jobs.create({ name: "repaired", tasks });
      const { run_id } = await client.jobs.runNow({ job_id });
      const cancelled = await (await client.jobs.cancelRun({ run_id })).wait();
      assert.equal(cancelled.state.result_state, "CANCELED");
      const repair = await client.jobs.repairRun({ run_id, rerun_all_failed_tasks: true });
      assert.ok(repair.repair_id > 0);
      assert.equal((await repair.wait()).state.result_state, "SUCCESS");
      const run = await client.jobs.getRun({ run_id, include_history: true });
      assert.deepEqual(run.repair_history.map((r) => r.type), ["ORIGINAL", "REPAIR"]);
    });
  });

  test("dbfs", async () => {
    const dir = `/interop/${process.pid}`;
    await client.dbfs.mkdirs({ path: dir });
    await client.dbfs.put({ path: `${dir}/put.txt`, contents: base64("hello"), overwrite: true });
    const { handle } = await client.dbfs.create({ path: `${dir}/blocks.bin` });
    const block = Buffer.alloc(1 << 20, 7);
    await client.dbfs.addBlock({ handle, data: block.toString("base64") });
    await client.dbfs.addBlock({ handle, data: base64("end") });
    await client.dbfs.close({ handle });

    assert.equal((await client.dbfs.getStatus({ path: `${dir}/blocks.bin` })).file_size, (1 << 20) + 3);
    const read = await client.dbfs.read({ path: `${dir}/blocks.bin`, offset: (1 << 20) - 1, length: 100 });
    assert.equal(read.bytes_read, 4);
    assert.equal(Buffer.from(read.data, "base64").toString("latin1"), "\x07end");
    await client.dbfs.move({ source_path: `${dir}/put.txt`, destination_path: `${dir}/moved.txt` });
    const listed = await all(client.dbfs.list({ path: dir }));
    assert.deepEqual(listed.map((f) => [f.path, f.is_dir, f.file_size]), [[`${dir}/blocks.bin`, false, (1 << 20) + 3], [`${dir}/moved.txt`, false, 5]]);
    await client.dbfs.delete({ path: dir, recursive: true });
    await fails(client.dbfs.getStatus({ path: dir }), 404, "RESOURCE_DOES_NOT_EXIST");
    await fails(client.dbfs.addBlock({ handle, data: base64("late") }), 404, "RESOURCE_DOES_NOT_EXIST");
  });

  test("workspace", async () => {
    const dir = `/Shared/interop-${process.pid}`;
    await client.workspace.mkdirs({ path: dir });
    await client.workspace.import({ path: `${dir}/notebook`, format: "SOURCE", language: "PYTHON", content: base64("# Databricks notebook source\nprint(1)\n") });
    const status = await client.workspace.getStatus({ path: `${dir}/notebook` });
    assert.deepEqual([status.object_type, status.language, status.path], ["NOTEBOOK", "PYTHON", `${dir}/notebook`]);
    assert.ok(status.object_id > 0);
    const exported = await client.workspace.export({ path: `${dir}/notebook`, format: "SOURCE" });
    assert.match(Buffer.from(exported.content, "base64").toString(), /^# Databricks notebook source\nprint\(1\)/);
    const jupyter = await client.workspace.export({ path: `${dir}/notebook`, format: "JUPYTER" });
    assert.equal(JSON.parse(Buffer.from(jupyter.content, "base64")).nbformat, 4);
    await client.workspace.import({ path: `${dir}/file.txt`, format: "AUTO", content: base64("text") });
    const listed = await all(client.workspace.list({ path: dir }));
    assert.deepEqual(listed.map((o) => o.object_type).sort(), ["FILE", "NOTEBOOK"]);
    await fails(client.workspace.import({ path: `${dir}/notebook`, format: "SOURCE", language: "PYTHON", content: "" }), 400, "RESOURCE_ALREADY_EXISTS");
    await fails(client.workspace.delete({ path: dir }), 400, "DIRECTORY_NOT_EMPTY");
    await client.workspace.delete({ path: dir, recursive: true });
    await fails(client.workspace.getStatus({ path: dir }), 404, "RESOURCE_DOES_NOT_EXIST");
  });

  test("libraries", async () => {
    const { cluster_id } = await running("libraries");
    const libraries = [{ pypi: { package: "simplejson==3.8.0" } }, { jar: "dbfs:/lib.jar" }, { maven: { coordinates: "org.jsoup:jsoup:1.7.2", exclusions: ["a:b"] } }];
    await client.libraries.install({ cluster_id, libraries });
    let statuses;
    do {
      statuses = await all(client.libraries.clusterStatus({ cluster_id }));
    } while (!statuses.every((l) => l.status === "INSTALLED" || l.status === "FAILED"));
    assert.deepEqual(statuses.map((l) => l.status), ["INSTALLED", "INSTALLED", "INSTALLED"]);
    assert.deepEqual(statuses.map((l) => l.library), libraries);
    await client.libraries.uninstall({ cluster_id, libraries: libraries.slice(0, 1) });
    const mine = (await all(client.libraries.allClusterStatuses())).find((c) => c.cluster_id === cluster_id);
    assert.equal(mine.library_statuses.find((l) => l.library.pypi).status, "UNINSTALL_ON_RESTART");
  });

  test("secrets", async () => {
    const scope = `interop-${process.pid}`;
    await client.secrets.createScope({ scope, initial_manage_principal: "users" });
    await client.secrets.putSecret({ scope, key: "text", string_value: "s3cret" });
    await client.secrets.putSecret({ scope, key: "bytes", bytes_value: base64("\x00\x01") });
    assert.deepEqual((await all(client.secrets.listSecrets({ scope }))).map((s) => s.key).sort(), ["bytes", "text"]);
    assert.equal(Buffer.from((await client.secrets.getSecret({ scope, key: "text" })).value, "base64").toString(), "s3cret");
    assert.ok((await all(client.secrets.listScopes())).some((s) => s.name === scope && s.backend_type === "DATABRICKS"));
    await client.secrets.putAcl({ scope, principal: "alice@example.com", permission: "READ" });
    assert.deepEqual(await client.secrets.getAcl({ scope, principal: "alice@example.com" }), { principal: "alice@example.com", permission: "READ" });
    assert.ok((await all(client.secrets.listAcls({ scope }))).some((a) => a.principal === "users" && a.permission === "MANAGE"));
    await client.secrets.deleteAcl({ scope, principal: "alice@example.com" });
    await client.secrets.deleteSecret({ scope, key: "text" });
    await fails(client.secrets.getSecret({ scope, key: "text" }), 404, "RESOURCE_DOES_NOT_EXIST");
    await fails(client.secrets.createScope({ scope }), 400, "RESOURCE_ALREADY_EXISTS");
    await client.secrets.deleteScope({ scope });
  });

  test("tokens", async () => {
    const created = await client.tokens.create({ comment: "interop", lifetime_seconds: 86400 });
    const { token_id, comment, expiry_time, creation_time } = created.token_info;
    assert.equal(comment, "interop");
    assert.equal(expiry_time - creation_time, 86400e3);
    const other = connect({ host, token: created.token_value, authType: "pat" });
    assert.ok((await all(other.tokens.list())).some((t) => t.token_id === token_id));
    await client.tokens.delete({ token_id });
    await assert.rejects(all(other.tokens.list()), (e) => e.statusCode === 403);
  });

  test("commands", async () => {
    const { cluster_id: clusterId } = await running("commands");
    const context = await client.commandExecution.create({ clusterId, language: "python" });
    assert.equal((await context.wait()).status, "Running");
    const contextId = context.id;
    assert.equal((await client.commandExecution.contextStatus({ clusterId, contextId })).id, contextId);
    const run = async (command) => (await (await client.commandExecution.execute({ clusterId, contextId, language: "python", command })).wait());

    const done = await run("x = 41\nx + 1");
    assert.equal(done.status, "Finished");
    assert.deepEqual([done.results.resultType, done.results.data], ["text", "42"]);
    assert.match((await run("print('grüße', x)")).results.data, /grüße 41/, "what one defined, the next one knows");
    const failed = await run("1 / 0");
    assert.deepEqual([failed.status, failed.results.resultType], ["Finished", "error"]);
    assert.match(failed.results.cause, /ZeroDivisionError/);

    const endless = await client.commandExecution.execute({ clusterId, contextId, language: "python", command: "while True: pass" });
    await client.commandExecution.cancel({ clusterId, contextId, commandId: endless.id }); // its waiter does not work, see README.md
    let cancelled;
    do {
      cancelled = await client.commandExecution.commandStatus({ clusterId, contextId, commandId: endless.id });
    } while (cancelled.status === "Running" || cancelled.status === "Cancelling");
    assert.equal(cancelled.status, "Finished");
    assert.match(cancelled.results.cause, /CommandCancelledException/);
    await client.commandExecution.destroy({ clusterId, contextId });
    await assert.rejects(client.commandExecution.contextStatus({ clusterId, contextId }), (e) => e.statusCode === 500 && /ContextNotFound/.test(e.message));
  });

  test("sign-in with name and password", async () => {
    const alice = connect({ host, username: "alice@example.com", password: "for Basic", authType: "basic" });
    await alice.dbfs.mkdirs({ path: "/interop-alice" });
    assert.equal((await all(alice.tokens.list())).length, 1, "hers, and not the admin's");
  });

  test("sign-in by OAuth", async () => {
    const clientId = "5d6c1a52-0000-4000-8000-000000000001";
    const robot = connect({ host, clientId, clientSecret: "dose of +%&=/", authType: "oauth-m2m" });
    await robot.dbfs.mkdirs({ path: "/interop-robot" });
    assert.deepEqual(await all(robot.tokens.list()), [], "a token of OAuth is not a personal access token");
    const stranger = connect({ host, clientId, clientSecret: "wrong", authType: "oauth-m2m" });
    await assert.rejects(stranger.dbfs.mkdirs({ path: "/interop-stranger" }), /invalid_client|Client authentication failed|401/);
  });

  test("an operation that does not exist", async () => {
    await fails(client.tokenManagement.createOboToken({ application_id: "x" }), 404, "ENDPOINT_NOT_FOUND");
  });
});

test("all methods were called, and only known members are undeclared", () => {
  assert.deepEqual([...unknown].sort(), beyond);
  const never = /Permission|^TokenManagementService\./;
  const missed = Object.values(services).flatMap(([area, name]) => methodsOf(area, name)).filter((m) => !never.test(m) && !called.has(m));
  assert.deepEqual(missed, []);
});
