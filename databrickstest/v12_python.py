# Runs commands one after another: a line with a JSON string, base64 of the
# code, comes in; a line with a JSON object, the result, goes out.
import ast, base64, html, json, linecache, os, signal, sys, tempfile, traceback, types

ask, say = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
# What commands read is empty; what they and their children write is collected.
page = tempfile.TemporaryFile(buffering=0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(page.fileno(), 1)
os.dup2(page.fileno(), 2)

main = types.ModuleType("__main__")
sys.modules["__main__"] = main
sys.argv = [""]
busy = cancelled = False


def interrupted(*_):
    global cancelled
    if busy:
        cancelled = True
        raise KeyboardInterrupt


def run(code, name):
    linecache.cache[name] = (len(code), None, code.decode("utf-8", "replace").splitlines(True), name)
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), main.__dict__)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval"), main.__dict__)
        if value is not None:
            print(repr(value))


def attempt(code, name):
    global busy, cancelled
    cancelled = False
    try:
        try:
            busy = True
            run(code, name)
        finally:
            busy = False
    except BaseException as e:
        if cancelled:
            return {"cancelled": True}
        trace = e.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == "<string>":
            trace = trace.tb_next
        return {
            "cause": "".join(traceback.format_exception(type(e), e, trace)),
            "summary": "<span class='ansi-red-fg'>%s</span>: %s" % (type(e).__name__, html.escape(str(e))),
        }
    return {}


signal.signal(signal.SIGINT, interrupted)
for number, line in enumerate(ask, 1):
    page.seek(0)
    page.truncate()
    reply = attempt(base64.b64decode(json.loads(line)), "<command-%d>" % number)
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except Exception:
            pass
    if not reply:
        page.seek(0)
        reply = {"text": page.read().decode("utf-8", "replace").removesuffix("\n")}
    say.write(json.dumps(reply).encode() + b"\n")
    say.flush()
