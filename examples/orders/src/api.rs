//! From method and path to a handler, one line per operation of the contract, and the paging that lists share.

use serde::Serialize;

use crate::call::{Call, Outcome, Refusal, Reply};
use crate::store::{Store, Table};
use crate::{customers, orders, payments, products};

/// The answer to one call; every refusal is a problem document.
pub(crate) fn answer(store: &mut Store, call: &Call) -> Reply {
    dispatch(store, call).unwrap_or_else(Refusal::into_reply)
}

fn dispatch(store: &mut Store, call: &Call) -> Outcome {
    let path = call.path.strip_prefix('/').unwrap_or_default();
    let segments: Vec<&str> = path.split('/').take(5).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Reply::ok(&Health { status: "ok" }),
        ("GET", ["products"]) => products::list(store, call),
        ("POST", ["products"]) => products::create(store, call),
        ("GET", ["products", id]) => products::get(store, id),
        ("PATCH", ["products", id]) => products::update(store, call, id),
        ("GET", ["customers"]) => customers::list(store, call),
        ("POST", ["customers"]) => customers::create(store, call),
        ("GET", ["customers", id]) => customers::get(store, id),
        ("PUT", ["customers", id]) => customers::replace(store, call, id),
        ("DELETE", ["customers", id]) => customers::delete(store, id),
        ("GET", ["orders"]) => orders::list(store, call),
        ("POST", ["orders"]) => orders::create(store, call),
        ("GET", ["orders", id]) => orders::get(store, id),
        ("PATCH", ["orders", id]) => orders::update(store, call, id),
        ("POST", ["orders", id, "cancel"]) => orders::cancel(store, call, id),
        ("GET", ["orders", id, "payments"]) => payments::list(store, id),
        ("POST", ["orders", id, "payments"]) => payments::pay(store, call, id),
        ("POST", ["payments", id, "refunds"]) => payments::refund(store, call, id),
        _ => Err(Refusal::missing("path")),
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// A page of a list, and where the next one begins.
#[derive(Serialize)]
pub(crate) struct Page<'a, T> {
    pub(crate) items: Vec<&'a T>,
    next: Option<String>,
}

/// The entries of `table` that `keep` wants, as many as the call's `limit`, after its `cursor`.
pub(crate) fn page<'a, T>(
    table: &'a Table<T>,
    call: &Call,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<'a, T>, Refusal> {
    let limit = call.number("limit")?.unwrap_or(20).clamp(1, 100);
    let limit = usize::try_from(limit).unwrap_or(100);
    let after = match call.one("cursor") {
        None => 0,
        Some(text) => text
            .strip_prefix("c_")
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| Refusal::bad("`cursor` is not one of ours"))?,
    };
    // One more than asked for tells whether there is a next page.
    let mut found: Vec<_> = table.after(after).filter(|(_, row)| keep(row)).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(number, _)| format!("c_{number:06}"));
    Ok(Page { items: found.into_iter().map(|(_, row)| row).collect(), next })
}
