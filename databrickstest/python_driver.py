# Runs commands and tasks one after another. The driver reads a job as one line of
# JSON. While it runs the job, it may write calls of the workspace's API, one per
# line, and read a line with the response to each. The last line that it writes is
# the result.
import ast, base64, collections, html, json, linecache, os, re, signal, sys, tempfile, textwrap, threading, traceback, types

ask, say = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
# Standard input of the code is empty. Standard output and error of the code and its
# child processes go to a temporary file.
page = tempfile.TemporaryFile(buffering=0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(page.fileno(), 1)
os.dup2(page.fileno(), 2)

main = types.ModuleType("__main__")
sys.modules["__main__"] = main
sys.argv = [""]
busy = talking = canceled = False


def interrupted(*_):
    global canceled
    if busy:
        canceled = True
        if not talking:
            raise KeyboardInterrupt


# ---- the workspace -------------------------------------------------------

turn = threading.Lock()


class ExecutionError(Exception):
    "An error response of the workspace."


def call(method, path, body=b""):
    "Sends a request to the workspace as the user who runs the code."
    global talking
    with turn:
        talking = True
        try:
            request = {"method": method, "path": path, "body": base64.b64encode(body).decode()}
            say.write(json.dumps({"call": request}).encode() + b"\n")
            say.flush()
            response = json.loads(ask.readline())
        finally:
            talking = False
    if canceled:
        raise KeyboardInterrupt
    content = base64.b64decode(response["body"] or "")
    if response["status"] >= 400:
        problem = json.loads(content or b"{}")
        raise ExecutionError("%s: %s" % (problem.get("error_code"), problem.get("message")))
    return content


def api(method, path, query=None, body=None):
    if query:
        import urllib.parse

        path += "?" + urllib.parse.urlencode(query)
    return json.loads(call(method, path, b"" if body is None else json.dumps(body).encode()))


# ---- dbutils -------------------------------------------------------------


class NotebookExit(BaseException):
    "Ends a notebook with a value."


class WorkflowException(Exception):
    "The failure of a notebook that another notebook ran."


class InputWidgetNotDefined(Exception):
    pass


class Frame:
    "A running notebook: its path, its widgets and its variables."

    def __init__(self, path, params, names):
        self.path, self.params, self.widgets, self.names = path, dict(params), {}, names

    def resolve(self, path):
        if path.startswith("/"):
            return path
        return os.path.normpath(os.path.join(os.path.dirname(self.path or "/"), path))


frames = [Frame("", {}, main.__dict__)]


class Widgets:
    def text(self, name, defaultValue, label=None):
        frames[-1].widgets[name] = str(defaultValue)

    def dropdown(self, name, defaultValue, choices, label=None):
        if defaultValue not in choices:
            raise ValueError("The default value %r of widget %s is none of its choices" % (defaultValue, name))
        self.text(name, defaultValue)

    def combobox(self, name, defaultValue, choices, label=None):
        self.text(name, defaultValue)

    def multiselect(self, name, defaultValue, choices, label=None):
        self.text(name, defaultValue)

    def getAll(self):
        return {**frames[-1].widgets, **frames[-1].params}

    def get(self, name):
        values = self.getAll()
        if name not in values:
            raise InputWidgetNotDefined("No input widget named %s is defined" % name)
        return values[name]

    def getArgument(self, name, defaultValue=None):
        return self.getAll().get(name, defaultValue)

    def remove(self, name):
        frames[-1].widgets.pop(name, None)
        frames[-1].params.pop(name, None)

    def removeAll(self):
        frames[-1].widgets.clear()
        frames[-1].params.clear()


class Notebook:
    def exit(self, value=""):
        raise NotebookExit(str(value))

    def run(self, path, timeout_seconds=0, arguments=None):
        path = frames[-1].resolve(path)
        module = types.ModuleType("__main__")
        arguments = {name: str(value) for name, value in (arguments or {}).items()}
        frame = Frame(path, arguments, module.__dict__)
        furnish(frame.names)

        def late(*_):
            raise WorkflowException("The notebook %s did not end within %s seconds" % (path, timeout_seconds))

        old = None
        if timeout_seconds > 0 and threading.current_thread() is threading.main_thread():
            old = signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, timeout_seconds)
        try:
            return run_notebook(frame)
        except Exception as e:
            raise WorkflowException("The notebook %s failed: %s" % (path, short(e))) from e
        finally:
            if old is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, old)


SecretMetadata = collections.namedtuple("SecretMetadata", "key")
SecretScope = collections.namedtuple("SecretScope", "name")
hidden = set()  # secret values, which are redacted


class Secrets:
    def getBytes(self, scope, key):
        value = base64.b64decode(api("GET", "/api/2.0/secrets/get", {"scope": scope, "key": key}).get("value", ""))
        if value:
            hidden.add(value)
        return value

    def get(self, scope, key):
        return self.getBytes(scope, key).decode()

    def list(self, scope):
        return [SecretMetadata(s["key"]) for s in api("GET", "/api/2.0/secrets/list", {"scope": scope}).get("secrets", [])]

    def listScopes(self):
        return [SecretScope(s["name"]) for s in api("GET", "/api/2.0/secrets/scopes/list").get("scopes", [])]


class FileInfo(collections.namedtuple("FileInfo", "path name size modificationTime")):
    def isDir(self):
        return self.name.endswith("/")

    def isFile(self):
        return not self.isDir()


class Local:
    "A file of this machine."

    def __init__(self, path):
        self.path = path

    def show(self, path=None):
        return "file:" + (path or self.path)

    def stat(self):
        if not os.path.exists(self.path):
            raise FileNotFoundError(self.show())
        return FileInfo(self.show(), os.path.basename(self.path) + "/" * os.path.isdir(self.path), os.path.getsize(self.path), int(os.path.getmtime(self.path) * 1000))

    def children(self):
        return [Local(os.path.join(self.path, name)) for name in sorted(os.listdir(self.path))]

    def read(self, most=None):
        with open(self.path, "rb") as f:
            return f.read(most)

    def write(self, data, overwrite):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "wb" if overwrite else "xb") as f:
            f.write(data)

    def mkdirs(self):
        os.makedirs(self.path, exist_ok=True)

    def remove(self, recurse):
        if os.path.isdir(self.path):
            import shutil

            shutil.rmtree(self.path) if recurse else os.rmdir(self.path)
        else:
            os.remove(self.path)

    def child(self, name):
        return Local(os.path.join(self.path, name))


class DBFS:
    "A file of the workspace's DBFS."

    def __init__(self, path):
        self.path = path

    def show(self):
        return "dbfs:" + self.path

    def info(self, f):
        name = f["path"].rstrip("/").rsplit("/", 1)[-1]
        slash = "/" if f.get("is_dir") else ""
        return FileInfo("dbfs:" + f["path"] + slash, name + slash, f.get("file_size", 0), f.get("modification_time", 0))

    def stat(self):
        return self.info(api("GET", "/api/2.0/dbfs/get-status", {"path": self.path}))

    def children(self):
        files = api("GET", "/api/2.0/dbfs/list", {"path": self.path}).get("files", [])
        return [DBFS(f["path"]) for f in files]

    def read(self, most=None):
        data = b""
        while most is None or len(data) < most:
            size = 1 << 20 if most is None else min(1 << 20, most - len(data))
            block = api("GET", "/api/2.0/dbfs/read", {"path": self.path, "offset": len(data), "length": size})
            if not block.get("bytes_read"):
                break
            data += base64.b64decode(block["data"])
        return data

    def write(self, data, overwrite):
        handle = api("POST", "/api/2.0/dbfs/create", body={"path": self.path, "overwrite": bool(overwrite)})["handle"]
        for at in range(0, len(data), 1 << 20):
            block = base64.b64encode(data[at : at + (1 << 20)]).decode()
            api("POST", "/api/2.0/dbfs/add-block", body={"handle": handle, "data": block})
        api("POST", "/api/2.0/dbfs/close", body={"handle": handle})

    def mkdirs(self):
        api("POST", "/api/2.0/dbfs/mkdirs", body={"path": self.path})

    def remove(self, recurse):
        api("POST", "/api/2.0/dbfs/delete", body={"path": self.path, "recursive": bool(recurse)})

    def child(self, name):
        return DBFS(self.path.rstrip("/") + "/" + name)


class Volume(DBFS):
    "A file of a volume."

    def show(self):
        return "dbfs:" + self.path

    def at(self, kind, path=None):
        import urllib.parse

        return "/api/2.0/fs/%s%s" % (kind, urllib.parse.quote(path or self.path))

    def stat(self):
        try:
            call("HEAD", self.at("directories"))
        except ExecutionError:
            data = self.read()  # call returns only the body, so HEAD cannot return the size
            return FileInfo(self.show(), self.path.rsplit("/", 1)[-1], len(data), 0)
        return FileInfo(self.show() + "/", self.path.rsplit("/", 1)[-1] + "/", 0, 0)

    def children(self):
        return [Volume(f["path"].rstrip("/")) for f in api("GET", self.at("directories")).get("contents", [])]

    def read(self, most=None):
        return call("GET", self.at("files"))[:most]

    def write(self, data, overwrite):
        call("PUT", self.at("files") + "?overwrite=" + str(bool(overwrite)).lower(), data)

    def mkdirs(self):
        call("PUT", self.at("directories"))

    def remove(self, recurse):
        if self.stat().isFile():
            call("DELETE", self.at("files"))
            return
        for child in self.children() if recurse else []:
            child.remove(True)
        call("DELETE", self.at("directories"))

    def child(self, name):
        return Volume(self.path.rstrip("/") + "/" + name)


def place(path):
    path = str(path)
    if path.startswith("file:"):
        return Local("/" + path[len("file:") :].lstrip("/"))
    if path.startswith("dbfs:"):
        path = "/" + path[len("dbfs:") :].lstrip("/")
    if not path.startswith("/"):
        raise ValueError("The path %s must be absolute, or start with dbfs:/ or file:/" % path)
    return (Volume if path.startswith("/Volumes/") else DBFS)(path.rstrip("/") or "/")


class Files:
    def ls(self, path):
        found = place(path)
        info = found.stat()
        return [child.stat() for child in found.children()] if info.isDir() else [info]

    def head(self, path, maxBytes=65536):
        return place(path).read(maxBytes).decode("utf-8", "replace")

    def put(self, path, contents, overwrite=False):
        data = contents.encode()
        place(path).write(data, overwrite)
        print("Wrote %d bytes." % len(data))
        return True

    def mkdirs(self, path):
        place(path).mkdirs()
        return True

    def rm(self, path, recurse=False):
        found = place(path)
        try:
            found.stat()
        except (ExecutionError, FileNotFoundError):
            return False
        found.remove(recurse)
        return True

    def cp(self, source, dest, recurse=False):
        copy(place(source), place(dest), recurse)
        return True

    def mv(self, source, dest, recurse=False):
        self.cp(source, dest, recurse)
        place(source).remove(recurse)
        return True

    def mounts(self):
        return []


def copy(source, dest, recurse):
    info = source.stat()
    if info.isDir():
        if not recurse:
            raise ValueError("%s is a directory; use recurse=True" % source.show())
        dest.mkdirs()
        for child in source.children():
            copy(child, dest.child(child.stat().name.rstrip("/")), True)
        return
    try:
        if dest.stat().isDir():
            dest = dest.child(info.name)
    except (ExecutionError, FileNotFoundError):
        pass
    dest.write(source.read(), True)


class TaskValues:
    given, made, inJob = {}, {}, False

    def set(self, key, value):
        json.dumps(value)  # fails if the value has no JSON
        if self.inJob:
            self.made[key] = value

    def get(self, taskKey, key, default=None, debugValue=None):
        if not self.inJob:
            if debugValue is None:
                raise TypeError("Must pass debugValue when calling get outside of a job context. debugValue cannot be None.")
            return debugValue
        values = self.given.get(taskKey, {})
        if key in values:
            return values[key]
        if default is None:
            raise ValueError("Task key does not exist in run, or value %r of task %r is not set and has no default" % (key, taskKey))
        return default


class Utilities:
    def __init__(self):
        self.widgets, self.notebook, self.secrets, self.fs = Widgets(), Notebook(), Secrets(), Files()
        self.jobs = types.SimpleNamespace(taskValues=TaskValues())
        self.library = types.SimpleNamespace(restartPython=lambda: None)

    def __getattr__(self, name):
        raise AttributeError("dbutils.%s is not supported in this workspace" % name)


dbutils = Utilities()

# ---- Spark and SQL -------------------------------------------------------

sparkURL, session = "", None
noSpark = (
    "Spark is not available, because the Python that runs this code has no pyspark. "
    "Install pyspark. With the URL of a Spark Connect server (-spark), the work runs there."
)


class NoSpark:
    "Fails at the first use."

    def __getattr__(self, name):
        raise RuntimeError(noSpark)


def spark():
    "Returns the Spark session. The first call creates it."
    global session
    if session is None:
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            return NoSpark()
        builder = SparkSession.builder
        session = (builder.remote(sparkURL) if sparkURL else builder).getOrCreate()
        module = types.ModuleType("pyspark.dbutils")
        module.DBUtils = lambda *_: dbutils
        sys.modules.setdefault("pyspark.dbutils", module)
    return session


table = None  # the latest table that the code displayed, for the command's result


def collect(frame):
    "Converts a Spark DataFrame to a table."
    kinds = [f.dataType.jsonValue() for f in frame.schema.fields]
    columns = [{"name": f.name, "type": k if isinstance(k, str) else json.dumps(k)} for f, k in zip(frame.schema.fields, kinds)]
    return {"columns": columns, "rows": [[plain(v) for v in row] for row in frame.limit(10001).collect()]}


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "asDict"):
        return plain(value.asDict())
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return str(value)


def display(value=None, *_, **__):
    global table
    if hasattr(value, "schema") and hasattr(value, "collect"):
        table = collect(value)
        show(table)
    elif hasattr(value, "to_string"):
        print(value.to_string())
    elif value is not None:
        print(value)


def displayHTML(_=None):
    pass


def show(t):
    for row in [[c["name"] for c in t["columns"]]] + t["rows"]:
        print("\t".join("NULL" if v is None else str(v) for v in row))


database = None


def sql(text):
    "Runs SQL in Spark, or in SQLite if Spark is not available."
    global database, table
    engine = spark()
    if not isinstance(engine, NoSpark):
        frame = engine.sql(text)
        frames[-1].names["_sqldf"] = frame
        table = collect(frame)
        return table
    import sqlite3

    if database is None:
        database = sqlite3.connect(":memory:", isolation_level=None)
    try:
        cursor = database.execute(text.strip().rstrip(";"))
    except sqlite3.Error as e:
        raise RuntimeError("%s. %s Until then, SQLite runs the SQL, in a database that belongs to this context." % (e, noSpark)) from None
    names, rows = [d[0] for d in cursor.description or []], [list(r) for r in cursor]
    columns = [{"name": n, "type": kind([r[i] for r in rows])} for i, n in enumerate(names)]
    table = {"columns": columns, "rows": [[plain(v) for v in r] for r in rows]}
    return table


def kind(values):
    for value in values:
        if isinstance(value, int):
            return "integer" if all(-(1 << 31) <= v < 1 << 31 for v in values if isinstance(v, int)) else "long"
        if value is not None:
            return {float: "double", bytes: "binary"}.get(type(value), "string")
    return "string"


# ---- code ----------------------------------------------------------------

count = 0
ignored = {"load_ext", "reload_ext", "autoreload", "matplotlib", "config", "restart_python", "tensorboard", "skip"}


def magic(name, rest):
    if name in ("python", "python3"):
        run_python(rest.encode())
    elif name in ("md", "md-sandbox") or name in ignored:
        pass
    elif name == "sql":
        show(sql(rest))
    elif name in ("sh", "bash"):
        import subprocess

        if subprocess.run(rest, shell=True, executable="/bin/sh").returncode and rest.lstrip().startswith("-e"):
            raise RuntimeError("The shell command failed")
    elif name == "fs":
        files(words(rest))
    elif name == "run":
        include(rest)
    elif name in ("pip", "conda", "uv"):
        print("Note: %%%s has no effect here. The packages are those of this machine's Python." % name)
    elif name in ("time", "timeit"):
        run_python(rest.encode())
    elif name in ("scala", "r"):
        raise RuntimeError("Language %s is not supported: this workspace runs only Python and SQL." % name)
    else:
        raise RuntimeError("The magic %%%s is not supported in this workspace." % name)


def words(text):
    import shlex

    return shlex.split(text)


def files(given):
    command, *args = given or ["ls"]
    result = getattr(dbutils.fs, command)(*args)
    for line in result if isinstance(result, list) else [result]:
        print(line)


def include(rest):
    "Runs a notebook as if its cells were in this one, with the same variables."
    path, *args = words(rest.strip())
    here = frames[-1]
    frame = Frame(here.resolve(path), here.params, here.names)
    frame.widgets = here.widgets
    for pair in args:
        name, _, value = pair.lstrip("$").partition("=")
        frame.params[name] = value
    run_notebook(frame, True)


def run_notebook(frame, included=False):
    notebook = json.loads(call("NOTEBOOK", frame.path))
    frames.append(frame)
    try:
        for cell in cells(notebook["language"], notebook["source"]):
            run_cell(cell, notebook["language"])
    except NotebookExit as e:
        if included:
            raise
        return str(e)
    finally:
        frames.pop()
    return ""


def cells(language, source):
    comment = {"SQL": "--", "SCALA": "//"}.get(language, "#")
    separator = r"^%s COMMAND -{10}[ \t]*$" % re.escape(comment)
    prefix = comment + " MAGIC"
    for cell in re.split(separator, source.replace("\r\n", "\n"), flags=re.M):
        lines = cell.strip("\n").split("\n")
        if any(line.startswith(prefix) for line in lines):
            lines = [line[len(prefix) :].removeprefix(" ") for line in lines if line.startswith(prefix)]
        yield "\n".join(lines)


def run_cell(text, language):
    first = text.lstrip()
    found = re.match(r"%{1,2}([a-zA-Z][\w-]*)[ \t]*", first)
    if found and (found[1] in known or "\n" not in first.strip()):
        magic(found[1], first[found.end() :])
    elif not text.strip():
        pass
    elif language == "PYTHON":
        run_python(text.encode())
    elif language == "SQL":
        show(sql(text))
    else:
        magic(language.lower(), text)


# Magics that apply to a whole cell. Other magics are single lines in Python.
known = {"python", "md", "md-sandbox", "sql", "sh", "bash", "fs", "run", "scala", "r", "time", "timeit", "skip"}


def line_magic(line):
    if line.startswith("!"):
        return magic("sh", line[1:])
    name, _, rest = line.lstrip("%").partition(" ")
    magic(name, rest)


def parse(code, name):
    "Parses code. If this fails, tries again without common indentation, and then with magics."
    text = code.decode("utf-8", "replace")
    try:
        return ast.parse(code, name), text
    except SyntaxError as e:
        problem = e
    straight = textwrap.dedent(text)
    marked = re.sub(r"^([ \t]*)([%!].*)$", lambda m: "%s__magic__(%r)" % (m[1], m[2]), straight, flags=re.M)
    for attempt in straight, marked:
        try:
            return ast.parse(attempt, name), attempt
        except SyntaxError:
            pass
    raise problem


def furnish(names):
    names.update(dbutils=dbutils, display=display, displayHTML=displayHTML, getArgument=dbutils.widgets.getArgument, __magic__=line_magic)


def run_python(code, name=None):
    global count
    if name is None:
        count += 1
        name = "<command-%d>" % count
    names = frames[-1].names
    text = code.decode("utf-8", "replace")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    tree, text = parse(code, name)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if "spark" in used and "spark" not in names:
        names["spark"] = spark()
    if "sc" in used and "sc" not in names:
        engine = spark()
        names["sc"] = engine if isinstance(engine, NoSpark) else engine.sparkContext
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval"), names)
        if value is not None:
            print(repr(value))


def run_wheel(job):
    import importlib, importlib.metadata, shutil

    directory = tempfile.mkdtemp()
    for name, data in job["wheels"].items():
        path = os.path.join(directory, name)
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
        sys.path.insert(0, path)
    importlib.invalidate_caches()
    entry, package = job["entry"], job["package"]
    try:
        points = importlib.metadata.distribution(package).entry_points
    except importlib.metadata.PackageNotFoundError:
        raise ImportError("The package %s is not in the wheels of the task and not in this machine's Python" % package) from None
    chosen = [p for p in points if p.name == entry]
    if chosen:
        function = chosen[0].load()
    else:
        function = getattr(importlib.import_module(package.replace("-", "_")), entry)
    sys.argv = [entry] + job["args"] + ["--%s=%s" % pair for pair in sorted(job["named"].items())]
    try:
        function()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def work(job):
    "Runs a job, and returns the members of its result that depend on the kind of job."
    global sparkURL, table
    table, sparkURL = None, job.get("spark", "")
    values = dbutils.jobs.taskValues
    values.given, values.made, values.inJob = job.get("values") or {}, {}, job["op"] != "command"
    furnish(main.__dict__)
    if job["op"] == "command":
        code = base64.b64decode(job["code"])
        if job["language"] == "sql":
            return {"table": sql(code.decode())}
        found = re.match(rb"\s*%{1,2}([a-zA-Z][\w-]*)", code)
        if found and found[1].decode() in known:
            run_cell(code.decode("utf-8", "replace"), "PYTHON")
        else:
            run_python(code)
        return {"table": table} if table else {}
    if job["op"] == "notebook":
        frames[:] = [Frame(job["path"], job["params"], main.__dict__)]
        return {"exit": run_notebook(frames[0])}
    try:
        if job["op"] == "file":
            sys.argv = [job["path"]] + job["args"]
            run_python(base64.b64decode(job["code"]), job["path"])
        else:
            run_wheel(job)
    except SystemExit as e:
        if e.code not in (None, 0):
            raise
    return {}


def short(e):
    return "".join(traceback.format_exception_only(type(e), e)).strip()


def attempt(job):
    global busy, canceled
    canceled = False
    try:
        try:
            busy = True
            return work(job)
        finally:
            busy = False
    except NotebookExit as e:  # a command called dbutils.notebook.exit
        return {"exit": str(e)}
    except BaseException as e:
        if canceled:
            return {"canceled": True}
        trace = e.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == "<string>":
            trace = trace.tb_next
        return {
            "error": short(e),
            "cause": "".join(traceback.format_exception(type(e), e, trace)),
            "summary": "<span class='ansi-red-fg'>%s</span>: %s" % (type(e).__name__, html.escape(str(e))),
        }


def redacted(text):
    for value in hidden:
        text = text.replace(value, b"[REDACTED]")
    return text


signal.signal(signal.SIGINT, interrupted)
while line := ask.readline():
    page.seek(0)
    page.truncate()
    outcome = attempt(json.loads(line))
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except Exception:
            pass
    page.seek(0)
    outcome["text"] = redacted(page.read()).decode("utf-8", "replace").removesuffix("\n")
    outcome["values"] = dbutils.jobs.taskValues.made
    for name in "cause", "summary", "error":
        if name in outcome:
            outcome[name] = redacted(outcome[name].encode("utf-8", "replace")).decode()
    try:
        result = json.dumps({"result": outcome})
    except ValueError as e:
        result = json.dumps({"result": {"error": str(e), "cause": str(e), "summary": str(e)}})
    say.write(result.encode() + b"\n")
    say.flush()
