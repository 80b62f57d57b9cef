#!/usr/bin/env python3
"""Runs requests through libmodsecurity (PyPI), over its C interface.

modsecurity.py FILE...: loads rule files in the order given and says `ready` with its version, then answers each line of
standard input with a line. A request is `{"line": [method, target, version], "headers": [[name, value]...], "body": text,
"answer": {"status": number, "headers": [[name, value]...], "body": text}}`, its bytes as Latin-1; without `answer` only
the request is looked at. The answer is `{"ids": [...], "micros": number}`: the rules that were logged, in order, and the CPU
time that the library took (what calling it from here costs is taken off).
"""
import ctypes
import importlib
import json
import os
import pathlib
import sys
import time


def library():
    # Importing the module loads the libraries that the wheel brings along.
    module = importlib.import_module("libmodsecurity")
    folder = pathlib.Path(module.__file__).parent.parent / "libmodsecurity.libs"
    lib = ctypes.CDLL(str(next(folder.glob("libmodsecurity-*.so*"))))
    pointer, text, number, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
    signatures = {
        "msc_init": (pointer, []),
        "msc_who_am_i": (text, [pointer]),
        "msc_create_rules_set": (pointer, []),
        "msc_rules_add_file": (number, [pointer, text, ctypes.POINTER(text)]),
        "msc_set_log_cb": (None, [pointer, pointer]),
        "msc_new_transaction": (pointer, [pointer, pointer, pointer]),
        "msc_transaction_cleanup": (None, [pointer]),
        "msc_process_connection": (number, [pointer, text, number, text, number]),
        "msc_process_uri": (number, [pointer, text, text, text]),
        "msc_add_n_request_header": (number, [pointer, text, size, text, size]),
        "msc_process_request_headers": (number, [pointer]),
        "msc_append_request_body": (number, [pointer, text, size]),
        "msc_process_request_body": (number, [pointer]),
        "msc_add_n_response_header": (number, [pointer, text, size, text, size]),
        "msc_process_response_headers": (number, [pointer, number, text]),
        "msc_append_response_body": (number, [pointer, text, size]),
        "msc_process_response_body": (number, [pointer]),
        "msc_process_logging": (number, [pointer]),
        "msc_get_rules_messages_size": (size, [pointer]),
        "msc_get_rules_messages_rule_ids": (number, [pointer, pointer, size]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Engine:
    def __init__(self, files):
        self.lib = lib = library()
        self.engine = lib.msc_init()
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(lambda data, line: None)
        lib.msc_set_log_cb(self.engine, ctypes.cast(self.quiet, ctypes.c_void_p))
        self.rules = lib.msc_create_rules_set()
        for file in files:
            error = ctypes.c_char_p()
            if lib.msc_rules_add_file(self.rules, file.encode(), ctypes.byref(error)) < 0:
                sys.exit(f"{file}: {(error.value or b'').decode(errors='replace')}")
        self.call_micros = self.cost_of_a_call()

    def version(self):
        return self.lib.msc_who_am_i(self.engine).decode()

    def cost_of_a_call(self):
        """What it costs to call something that does nothing worth mentioning."""
        transaction = self.lib.msc_new_transaction(self.engine, self.rules, None)
        count, began = 20_000, time.thread_time_ns()
        for _ in range(count):
            self.lib.msc_get_rules_messages_size(transaction)
        spent = time.thread_time_ns() - began
        self.lib.msc_transaction_cleanup(transaction)
        return spent / 1000 / count

    def inspect(self, request):
        """The ids that were logged, and microseconds."""
        lib = self.lib
        encode = lambda text: text.encode("latin-1")
        method, target, version = map(encode, request["line"])
        headers = [(encode(name), encode(value)) for name, value in request["headers"]]
        body, answer = encode(request["body"]), request.get("answer")
        answered = [(encode(name), encode(value)) for name, value in answer["headers"]] if answer else []
        answer_body = encode(answer["body"]) if answer else b""
        calls = 8 + len(headers) + len(answered) + (3 if answer else 0)
        began = time.thread_time_ns()
        transaction = lib.msc_new_transaction(self.engine, self.rules, None)
        lib.msc_process_connection(transaction, b"192.0.2.1", 40000, b"192.0.2.2", 80)
        lib.msc_process_uri(transaction, target, method, version.removeprefix(b"HTTP/"))
        for name, value in headers:
            lib.msc_add_n_request_header(transaction, name, len(name), value, len(value))
        lib.msc_process_request_headers(transaction)
        if body:
            lib.msc_append_request_body(transaction, body, len(body))
        lib.msc_process_request_body(transaction)
        if answer:
            for name, value in answered:
                lib.msc_add_n_response_header(transaction, name, len(name), value, len(value))
            lib.msc_process_response_headers(transaction, answer["status"], b"HTTP/1.1")
            if answer_body:
                lib.msc_append_response_body(transaction, answer_body, len(answer_body))
            lib.msc_process_response_body(transaction)
        lib.msc_process_logging(transaction)
        count = lib.msc_get_rules_messages_size(transaction)
        ids = (ctypes.c_int64 * max(count, 1))()
        lib.msc_get_rules_messages_rule_ids(transaction, ids, count)
        lib.msc_transaction_cleanup(transaction)
        micros = (time.thread_time_ns() - began) / 1000 - calls * self.call_micros
        return {"ids": list(ids)[:count], "micros": round(micros, 1)}


def main():
    engine = Engine(sys.argv[1:])
    # What its XML parser thinks of bodies is of no interest.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    print("ready", engine.version(), flush=True)
    for line in sys.stdin:
        print(json.dumps(engine.inspect(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
