//! Every operation once as a caller would use it, and each refusal beside its valid twin.

use bytes::Bytes;
use hyper::Request;
use serde_json::{Value, json};

use crate::call::Call;
use crate::store::{MOST, Store};
use crate::{api, listen_address, seed};

const KEY: &str = "5f1d9a5e-8f0c-4f7e-9a4e-0d8a5b1c2d3e";

fn call_with(store: &mut Store, line: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let (head, ()) = request.body(()).unwrap().into_parts();
    let reply = api::answer(store, &Call::new(head, body, 1_772_000_000));
    let shown =
        if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).unwrap() };
    (reply.status.as_u16(), shown)
}

fn call(store: &mut Store, line: &str, body: &Value) -> (u16, Value) {
    call_with(store, line, &[("idempotency-key", KEY)], body)
}

fn address() -> Value {
    json!({"line1": "1 Castle Street", "city": "Kiel", "postal_code": "24103", "country": "DE"})
}

fn order() -> Value {
    json!({
        "customer_id": "cus_000001",
        "lines": [{"product_id": "prd_000002", "quantity": 3, "discount_percent": 10.5}],
        "ship_to": address(),
    })
}

#[test]
fn answers_each_call_with_its_status() {
    let product = json!({"sku": "ABC-0001", "name": "Lamp", "category": "tools",
        "price": {"amount": 100, "currency": "EUR"}});
    let customer =
        json!({"name": "Mia", "email": "mia@example.com", "address": address(), "password": "long enough 1"});
    let none = Value::Null;
    for (line, body, status) in [
        ("GET /health", &none, 200),
        ("HEAD /health", &none, 200),
        ("GET /nothing", &none, 404),
        ("GET /products?tag=iron&tag=outdoor&max_price=50000&sort=-price", &none, 200),
        ("GET /products?category=shoes", &none, 400),
        ("POST /products", &product, 201),
        ("POST /products", &json!({"name": "Lamp"}), 400),
        ("GET /products/prd_000001", &none, 200),
        ("GET /products/prd_009999", &none, 404),
        ("GET /products/1", &none, 404),
        ("PATCH /products/prd_000001", &json!({"stock": 3, "description": null}), 200),
        ("PATCH /products/prd_000001", &json!({"stock": 3.0}), 200),
        ("PATCH /products/prd_000001", &json!({"stock": 3.5}), 400),
        ("PATCH /products/prd_000001", &json!({"stocks": 3}), 400),
        ("GET /customers?country=DE,GB&email=isla%40example.com", &none, 200),
        ("POST /customers", &customer, 201),
        ("GET /customers/cus_000003", &none, 200),
        ("PUT /customers/cus_000003", &customer, 200),
        ("PUT /customers/cus_000099", &customer, 404),
        ("DELETE /customers/cus_000003", &none, 204),
        ("DELETE /customers/cus_000001", &none, 409),
        ("GET /orders?filter[status]=placed&filter%5Bmin_total%5D=10&id=ord_000001%7Cord_000002", &none, 200),
        ("GET /orders?cursor=x", &none, 400),
        ("POST /orders", &order(), 201),
        ("GET /orders/ord_000001", &none, 200),
        ("GET /orders/ord_000001/payments", &none, 200),
        ("GET /orders/ord_000077/payments", &none, 404),
        ("DELETE /orders/ord_000001", &none, 404),
    ] {
        let mut store = seed::store(1_772_000_000);
        let (got, shown) = call(&mut store, line, body);
        assert_eq!(got, status, "{line}: {shown}");
        assert!(status < 400 || shown["status"] == status, "{line}: {shown}");
    }
}

#[test]
fn an_order_is_placed_once_changed_paid_and_refunded() {
    let mut store = seed::store(1_772_000_000);
    let (status, placed) = call(&mut store, "POST /orders", &order());
    assert_eq!((status, &placed["total"]["amount"]), (201, &json!(17_318)), "3 × 64.50 less 10.5 %");
    assert_eq!(call(&mut store, "POST /orders", &order()).1["id"], placed["id"], "one key, one order");

    let note = json!({"note": "ring twice"});
    let line = "PATCH /orders/ord_000004";
    assert_eq!(call_with(&mut store, line, &[("if-match", "\"r9\"")], &note).0, 412);
    assert_eq!(call_with(&mut store, line, &[("if-match", "\"r1\"")], &note).1["note"], "ring twice");
    assert_eq!(call(&mut store, line, &json!({"note": null})).1["note"], Value::Null);

    let amount = json!({"amount": 17_318, "currency": "EUR"});
    let card = json!({"method": "card", "amount": amount, "number": "4111111111111111", "expires": "09/30", "cvc": "123"});
    let pay = "POST /orders/ord_000004/payments";
    assert_eq!(call(&mut store, pay, &json!({"method": "shells", "amount": amount})).0, 400);
    let (status, paid) = call(&mut store, pay, &card);
    assert_eq!((status, &paid["account"]), (201, &json!("1111")));
    assert!(paid.get("number").is_none(), "what is written is not shown");
    assert_eq!(call(&mut store, pay, &card).0, 409, "paid once");
    assert_eq!(call(&mut store, "POST /orders/ord_000004/cancel", &Value::Null).0, 409);

    let refund = "POST /payments/pay_000001/refunds";
    let too_much = json!({"amount": {"amount": 17_319, "currency": "EUR"}, "reason": "late"});
    assert_eq!(call(&mut store, refund, &too_much).0, 422);
    assert_eq!(call(&mut store, refund, &json!({"amount": amount, "reason": "late"})).0, 201);
    assert_eq!(call(&mut store, "GET /orders/ord_000004", &Value::Null).1["status"], "refunded");
    assert_eq!(call(&mut store, "POST /orders/ord_000001/cancel", &Value::Null).1["status"], "canceled");
}

#[test]
fn pays_by_each_method() {
    let amount = json!({"amount": 48_900, "currency": "EUR"});
    for (body, account) in [
        (
            json!({"method": "transfer", "amount": amount, "iban": "DE02120300000000202051", "due": "2026-12-24"}),
            "2051",
        ),
        (json!({"method": "voucher", "amount": amount, "code": "ABCD-EFGH-IJKL"}), "IJKL"),
    ] {
        let mut store = seed::store(0);
        let (status, paid) = call(&mut store, "POST /orders/ord_000001/payments", &body);
        assert_eq!((status, &paid["account"]), (201, &json!(account)));
        let (_, list) = call(&mut store, "GET /orders/ord_000001/payments", &Value::Null);
        assert_eq!(list, json!([paid]));
    }
}

#[test]
fn refuses_an_order_for_what_does_not_exist() {
    for (field, value) in [
        ("customer_id", json!("cus_000099")),
        ("lines", json!([{"product_id": "prd_000099", "quantity": 1}])),
        ("lines", json!([{"product_id": "prd_000001", "quantity": 4_000_000}])),
        ("lines", json!([])),
    ] {
        let mut body = order();
        body[field] = value;
        assert_eq!(call(&mut seed::store(0), "POST /orders", &body).0, 422, "{body}");
    }
}

#[test]
fn pages_follow_one_another_to_the_end() {
    let mut store = seed::store(0);
    let (_, first) = call(&mut store, "GET /products?limit=3", &Value::Null);
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (3, &json!("c_000003")));
    let (_, last) = call(&mut store, "GET /products?limit=3&cursor=c_000003", &Value::Null);
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next"]), (1, &Value::Null));
    let dollars = call_with(&mut store, "GET /products", &[("cookie", "a=b; currency=USD")], &Value::Null).1;
    assert_eq!(dollars["items"], json!([]));
}

#[test]
fn a_full_table_forgets_the_oldest() {
    let mut store = seed::store(0);
    let customer = json!({"name": "Mia", "email": "mia@example.com", "address": address()});
    for _ in 0..MOST {
        assert_eq!(call(&mut store, "POST /customers", &customer).0, 201);
    }
    assert_eq!(store.customers.values().count(), MOST);
    assert!(store.customers.get("cus_000003").is_none());
    assert!(store.customers.get("cus_005003").is_some());
}

#[test]
fn reads_its_flags() {
    let read = |args: &[&str]| listen_address(args.iter().map(|arg| (*arg).to_owned())).ok();
    assert_eq!(read(&[]), "127.0.0.1:3000".parse().ok());
    assert_eq!(read(&["--listen", "127.0.0.1:0"]), "127.0.0.1:0".parse().ok());
    for bad in [&["--listen"][..], &["--port", "1"], &["--listen", "here"], &["--listen", "127.0.0.1:1", "x"]]
    {
        assert_eq!(read(bad), None, "{bad:?}");
    }
}
