//! Who buys.

use crate::api::page;
use crate::call::{Call, Outcome, Refusal, Reply};
use crate::model::{Customer, CustomerData};
use crate::store::Store;
use crate::time::rfc3339;

pub(crate) fn list(store: &Store, call: &Call) -> Outcome {
    let email = call.one("email");
    let countries: Option<Vec<&str>> = call.one("country").map(|list| list.split(',').collect());
    let wanted = |customer: &Customer| {
        email.is_none_or(|email| customer.data.email == email)
            && countries.as_ref().is_none_or(|list| list.contains(&customer.data.address.country.as_str()))
    };
    Reply::ok(&page(&store.customers, call, wanted)?)
}

pub(crate) fn create(store: &mut Store, call: &Call) -> Outcome {
    let data: CustomerData = call.json()?;
    let customer = store.customers.add(|id| Customer { id, data, created_at: rfc3339(call.at) });
    Reply::created(customer, format!("/customers/{}", customer.id))
}

pub(crate) fn get(store: &Store, id: &str) -> Outcome {
    Reply::ok(store.customers.get(id).ok_or_else(|| Refusal::missing("customer"))?)
}

pub(crate) fn replace(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let customer = store.customers.get_mut(id).ok_or_else(|| Refusal::missing("customer"))?;
    customer.data = call.json()?;
    Reply::ok(customer)
}

pub(crate) fn delete(store: &mut Store, id: &str) -> Outcome {
    if store.orders.values().any(|order| order.customer_id == id) {
        return Err(Refusal::conflict("the customer has orders"));
    }
    store.customers.remove(id).ok_or_else(|| Refusal::missing("customer"))?;
    Ok(Reply::nothing())
}
