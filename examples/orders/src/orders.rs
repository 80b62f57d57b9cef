//! What was bought.

use crate::api::page;
use crate::call::{Call, Outcome, Refusal, Reply};
use crate::model::{Line, Money, NewLine, NewOrder, Order, OrderPatch, OrderStatus};
use crate::products::named;
use crate::store::Store;
use crate::time::rfc3339;
use hyper::StatusCode;

/// The largest total, in minor units; the contract's bound on an amount.
const LARGEST_TOTAL: u64 = 1_000_000_000;

pub(crate) fn list(store: &Store, call: &Call) -> Outcome {
    let status = call.one("filter[status]").map(named::<OrderStatus>).transpose()?;
    let least = call.number("filter[min_total]")?;
    let (customer, after) = (call.one("filter[customer_id]"), call.one("filter[placed_after]"));
    let ids: Option<Vec<&str>> = call.one("id").map(|list| list.split('|').collect());
    let wanted = |order: &Order| {
        status.is_none_or(|wanted| order.status == wanted)
            && least.is_none_or(|least| order.total.amount >= least)
            && customer.is_none_or(|customer| order.customer_id == customer)
            // Both are RFC 3339; ours is in UTC, and the sample takes the caller's for UTC as well.
            && after.is_none_or(|after| order.created_at.as_str() > after)
            && ids.as_ref().is_none_or(|ids| ids.contains(&order.id.as_str()))
    };
    Reply::ok(&page(&store.orders, call, wanted)?)
}

pub(crate) fn create(store: &mut Store, call: &Call) -> Outcome {
    let key = call.header("idempotency-key").unwrap_or_default().to_owned();
    if let Some(order) = store.orders.values().find(|order| !key.is_empty() && order.key == key) {
        return show_created(order);
    }
    let new: NewOrder = call.json()?;
    if store.customers.get(&new.customer_id).is_none() {
        return Err(Refusal::impossible(format!("there is no customer `{}`", new.customer_id)));
    }
    let lines: Vec<Line> = new.lines.into_iter().map(|line| priced(store, line)).collect::<Result<_, _>>()?;
    let total = total(&lines)?;
    let at = rfc3339(call.at);
    show_created(store.orders.add(|id| Order {
        id,
        customer_id: new.customer_id,
        status: OrderStatus::Placed,
        lines,
        ship_to: new.ship_to,
        bill_to: new.bill_to,
        note: new.note,
        total,
        created_at: at.clone(),
        updated_at: at,
        revision: 1,
        key,
    }))
}

fn show_created(order: &Order) -> Outcome {
    Ok(Reply::created(order, format!("/orders/{}", order.id))?.revision(order.revision))
}

fn priced(store: &Store, ordered: NewLine) -> Result<Line, Refusal> {
    let product = store
        .products
        .get(&ordered.product_id)
        .ok_or_else(|| Refusal::impossible(format!("there is no product `{}`", ordered.product_id)))?;
    Ok(Line { ordered, unit_price: product.data.price })
}

/// The sum of the lines, each rounded to a minor unit.
fn total(lines: &[Line]) -> Result<Money, Refusal> {
    let first = lines.first().ok_or_else(|| Refusal::impossible("an order has at least one line"))?;
    let mut sum = Money { amount: 0, currency: first.unit_price.currency };
    for line in lines {
        if line.unit_price.currency != sum.currency {
            return Err(Refusal::impossible("all products of an order are sold in one currency"));
        }
        let full = line.unit_price.amount.saturating_mul(line.ordered.quantity);
        let reduced = (full as f64 * (1.0 - line.ordered.discount_percent / 100.0)).round();
        sum.amount = sum.amount.saturating_add(reduced as u64);
    }
    if sum.amount > LARGEST_TOTAL {
        return Err(Refusal::impossible("the order is too large"));
    }
    Ok(sum)
}

pub(crate) fn get(store: &Store, id: &str) -> Outcome {
    let order = store.orders.get(id).ok_or_else(|| Refusal::missing("order"))?;
    Ok(Reply::ok(order)?.revision(order.revision))
}

pub(crate) fn update(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let patch: OrderPatch = call.json()?;
    let order = store.orders.get_mut(id).ok_or_else(|| Refusal::missing("order"))?;
    if call.header("if-match").is_some_and(|seen| seen != format!("\"r{}\"", order.revision)) {
        let detail = "the order has changed since it was read";
        return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "changed in between", detail));
    }
    if order.status != OrderStatus::Placed {
        return Err(Refusal::conflict("only an order that is neither paid nor canceled can change"));
    }
    if let Some(ship_to) = patch.ship_to {
        order.ship_to = ship_to;
    }
    order.note = patch.note.unwrap_or_else(|| order.note.take());
    touch(order, call);
    Ok(Reply::ok(order)?.revision(order.revision))
}

pub(crate) fn cancel(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let order = store.orders.get_mut(id).ok_or_else(|| Refusal::missing("order"))?;
    if order.status != OrderStatus::Placed {
        return Err(Refusal::conflict("only an order that is neither paid nor canceled can be canceled"));
    }
    order.status = OrderStatus::Canceled;
    touch(order, call);
    Reply::ok(order)
}

/// Notes that the order changed, for its `ETag`.
pub(crate) fn touch(order: &mut Order, call: &Call) {
    order.updated_at = rfc3339(call.at);
    order.revision = order.revision.saturating_add(1);
}
