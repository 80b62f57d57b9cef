//! How an order was paid, and what was given back.

use crate::call::{Call, Outcome, Refusal, Reply};
use crate::model::{Money, NewPayment, NewRefund, OrderStatus, Payment, Refund};
use crate::orders::touch;
use crate::store::Store;
use crate::time::rfc3339;

/// Payments of one order, as the contract bounds its list.
const MOST_PER_ORDER: usize = 100;

pub(crate) fn list(store: &Store, order: &str) -> Outcome {
    store.orders.get(order).ok_or_else(|| Refusal::missing("order"))?;
    let payments = store.payments.values().filter(|payment| payment.order_id == order);
    Reply::ok(&payments.take(MOST_PER_ORDER).collect::<Vec<_>>())
}

pub(crate) fn pay(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let (method, amount, account, due) = match call.json()? {
        NewPayment::Card { amount, number, .. } => ("card", amount, number, None),
        NewPayment::Transfer { amount, iban, due } => ("transfer", amount, iban, due),
        NewPayment::Voucher { amount, code } => ("voucher", amount, code, None),
    };
    let order = store.orders.get_mut(id).ok_or_else(|| Refusal::missing("order"))?;
    if order.status != OrderStatus::Placed || order.total != amount {
        return Err(Refusal::conflict("an order is paid once, and with its total"));
    }
    order.status = OrderStatus::Paid;
    touch(order, call);
    let payment = store.payments.add(|id| Payment {
        id,
        order_id: order.id.clone(),
        method,
        amount,
        account: last_four(&account),
        due,
        refunded: Money { amount: 0, currency: amount.currency },
        created_at: rfc3339(call.at),
    });
    Reply::created(payment, format!("/orders/{id}/payments"))
}

pub(crate) fn refund(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let NewRefund { amount, reason, note } = call.json()?;
    let payment = store.payments.get_mut(id).ok_or_else(|| Refusal::missing("payment"))?;
    let back = payment.refunded.amount.saturating_add(amount.amount);
    if amount.currency != payment.amount.currency || back > payment.amount.amount {
        return Err(Refusal::impossible("more than was paid, or in another currency"));
    }
    payment.refunded.amount = back;
    if back == payment.amount.amount
        && let Some(order) = store.orders.get_mut(&payment.order_id)
    {
        order.status = OrderStatus::Refunded;
        touch(order, call);
    }
    let payment_id = payment.id.clone();
    let created_at = rfc3339(call.at);
    let refund = store.refunds.add(|id| Refund { id, payment_id, amount, reason, note, created_at });
    Reply::created(refund, format!("/payments/{id}/refunds"))
}

fn last_four(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(4);
    let tail: String = text.chars().skip(skipped).collect();
    format!("{tail:*>4}")
}
