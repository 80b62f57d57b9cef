#!/usr/bin/env python3
"""The judge and the recorder, judged: a table of calls, each broken one beside a valid twin. Run in the environment
that `setup` makes: .peers/venv/bin/python tests/peers/selftest.py"""
import asyncio
import base64
import json
import pathlib
import unittest

import judge
import recorder

CONTRACT = pathlib.Path(__file__).resolve().parents[2] / "examples/orders/openapi.yaml"
KEY = ("Idempotency-Key", "5f1d9a5e-8f0c-4f7e-9a4e-0d8a5b1c2d3e")
JSON = ("Content-Type", "application/json")
ADDRESS = {"line1": "1 Castle Street", "city": "Kiel", "postal_code": "24103", "country": "DE"}
ORDER = {"customer_id": "cus_000001", "lines": [{"product_id": "prd_000001", "quantity": 1}], "ship_to": ADDRESS}
CUSTOMER = {"name": "Mia", "email": "mia@example.com", "address": ADDRESS}
MONEY = {"amount": 1, "currency": "EUR"}
PAY = "POST /orders/ord_000001/payments"
PATCH = ("Content-Type", "application/merge-patch+json")


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


CASES = [
    # line, headers, body, kind of violation (None: valid)
    ("GET /health", [], None, None),
    ("HEAD /health", [], None, None),
    ("DELETE /health", [], None, "method"),
    ("GET /nothing", [], None, "path"),
    ("GET /health", [], b"x", "body_undeclared"),
    ("GET /products?tag=iron&tag=steel&limit=3&sort=-price", [], None, None),
    ("GET /products?tag=iron&tag=iron", [], None, "query_invalid"),
    ("GET /products?limit=3&limit=4", [], None, "query_twice"),
    ("GET /products?limit=03", [], None, "query_invalid"),
    ("GET /products?limit=101", [], None, "query_invalid"),
    ("GET /products?color=red", [], None, "query_undeclared"),
    ("GET /products", [("Cookie", "currency=EUR")], None, None),
    ("GET /products", [("Cookie", "currency=eur")], None, "cookie_invalid"),
    ("GET /products", [("Cookie", "currency=EUR; session=1")], None, "cookie_undeclared"),
    ("GET /products/prd_000001", [], None, None),
    ("GET /products/prd_000001%0A", [], None, "path_invalid"),
    ("GET /customers?country=DE,GB", [], None, None),
    ("GET /customers?country=DE,gb", [], None, "query_invalid"),
    ("GET /orders?filter[status]=paid&filter%5Bmin_total%5D=5", [], None, None),
    ("GET /orders?filter[state]=paid", [], None, "query_invalid"),
    ("GET /orders?filter[placed_after]=2026-01-01T00:00:00Z", [], None, None),
    ("GET /orders?filter[placed_after]=yesterday", [], None, "query_invalid"),
    ("GET /orders?id=ord_000001%7Cord_000002", [], None, None),
    ("GET /orders?id=ord_000001,ord_000002", [], None, "query_invalid"),
    ("POST /orders", [KEY, JSON], ORDER, None),
    ("POST /orders", [JSON], ORDER, "header_missing"),
    ("POST /orders", [(KEY[0], "1"), JSON], ORDER, "header_invalid"),
    ("POST /orders", [KEY, KEY, JSON], ORDER, "header_twice"),
    ("POST /orders", [KEY, ("Content-Type", "text/plain")], ORDER, "media_type"),
    ("POST /orders", [KEY, JSON, JSON], ORDER, "media_type"),
    ("POST /orders", [KEY], None, "body_missing"),
    ("POST /orders", [KEY, JSON], b"{", "body_not_json"),
    ("POST /orders", [KEY, JSON], b'{"note": NaN}', "body_not_json"),
    ("POST /orders", [KEY, JSON], b'{"note": "a", "note": "b"}', "body_duplicate_key"),
    ("POST /orders", [KEY, JSON], without(ORDER, "ship_to"), "body_invalid"),
    ("POST /orders", [KEY, JSON], {**ORDER, "bill_to": None}, None),
    ("POST /orders", [KEY, JSON], {**ORDER, "total": 1}, "body_invalid"),
    ("POST /orders", [KEY, JSON], {**ORDER, "lines": [{"product_id": "prd_000001", "quantity": 0}]}, "body_invalid"),
    ("POST /customers", [JSON], CUSTOMER, None),
    ("POST /customers", [JSON], {**CUSTOMER, "id": "cus_000009"}, "body_invalid"),
    ("POST /customers", [JSON], {**CUSTOMER, "phone": "+49123456789"}, None),
    ("POST /customers", [JSON], {**CUSTOMER, "phone": "+49123456789\n"}, "body_invalid"),
    ("PATCH /orders/ord_000001", [PATCH, ("If-Match", '"r1"')], {"note": None}, None),
    ("PATCH /orders/ord_000001", [PATCH, ("If-Match", "*")], {"note": None}, "header_invalid"),
    ("PATCH /orders/ord_000001", [JSON], {"note": None}, "media_type"),
    ("PATCH /orders/ord_000001", [PATCH], {}, "body_invalid"),
    (PAY, [JSON], {"method": "voucher", "amount": MONEY, "code": "ABCD-EFGH-IJKL"}, None),
    (PAY, [JSON], {"method": "card", "amount": MONEY, "code": "ABCD-EFGH-IJKL"}, "body_invalid"),
    ("POST /payments/pay_000001/refunds", [JSON], {"amount": MONEY, "reason": "late"}, None),
    ("POST /payments/pay_000001/refunds", [JSON], {"amount": MONEY, "reason": "other"}, "body_invalid"),
]


class Judged(unittest.TestCase):
    def test_each_call(self):
        judged = judge.Judge(judge.load(str(CONTRACT)))
        for line, headers, body, kind in CASES:
            with self.subTest(line=line, body=body, kind=kind):
                method, target = line.split(" ", 1)
                raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
                call = {"method": method, "target": target, "headers": headers, "body": base64.b64encode(raw).decode()}
                try:
                    judged.judge(call)
                    found = None
                except judge.Violation as violation:
                    found = violation.kind
                self.assertEqual(found, kind)


class Recorded(unittest.TestCase):
    def test_only_strict_messages_pass(self):
        cases = [
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"", None),
            (b"GET / HTTP/1.1\nhost: a\r\n\r\n", b"", "bare"),
            (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", b"", "request line"),
            (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", b"", "header line"),
            (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", b"", "header line"),
            (b"GET / HTTP/1.1\r\nhost: a\0\r\n\r\n", b"", "NUL"),
            (b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok", b"ok", None),
            (b"POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok", b"", "content-length"),
            (b"POST / HTTP/1.1\r\ncontent-length: +2\r\n\r\nok", b"", "content-length"),
            (b"POST / HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"", "beside"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", None),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n", b"", "chunk size"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", b"", "chunk size"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"", "transfer-encoding"),
            (b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"", "transfer-encoding"),
            (b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nok", b"", "cut off"),
            (b"POST / HT", b"", "cut off"),
        ]
        for message, body, fault in cases:
            with self.subTest(message=message):
                seen = asyncio.run(self.read(message))
                if fault is None:
                    self.assertNotIn("fault", seen)
                    self.assertEqual(seen["body"], body)
                else:
                    self.assertIn(fault, seen["fault"])

    @staticmethod
    async def read(message):
        reader = asyncio.StreamReader()
        reader.feed_data(message)
        reader.feed_eof()
        return await recorder.read_message(reader)


if __name__ == "__main__":
    unittest.main()
