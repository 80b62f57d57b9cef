//! What the shop sells.

use std::cmp::Reverse;

use crate::api::page;
use crate::call::{Call, Outcome, Refusal, Reply};
use crate::model::{Category, Currency, Product, ProductData, ProductPatch};
use crate::store::Store;
use crate::time::rfc3339;

pub(crate) fn list(store: &Store, call: &Call) -> Outcome {
    let category = call.one("category").map(named::<Category>).transpose()?;
    let currency = call.cookie("currency").map(named::<Currency>).transpose()?;
    let most = call.number("max_price")?;
    let wanted = |product: &Product| {
        category.is_none_or(|wanted| product.data.category == wanted)
            && currency.is_none_or(|wanted| product.data.price.currency == wanted)
            && most.is_none_or(|most| product.data.price.amount <= most)
            && call.all("tag").all(|tag| product.data.tags.iter().any(|own| own == tag))
    };
    let mut found = page(&store.products, call, wanted)?;
    match call.one("sort") {
        Some("name") => found.items.sort_by(|one, other| one.data.name.cmp(&other.data.name)),
        Some("price") => found.items.sort_by_key(|product| product.data.price.amount),
        Some("-price") => found.items.sort_by_key(|product| Reverse(product.data.price.amount)),
        _ => {}
    }
    Reply::ok(&found)
}

pub(crate) fn create(store: &mut Store, call: &Call) -> Outcome {
    let data: ProductData = call.json()?;
    let product = store.products.add(|id| Product { id, data, created_at: rfc3339(call.at) });
    Reply::created(product, format!("/products/{}", product.id))
}

pub(crate) fn get(store: &Store, id: &str) -> Outcome {
    Reply::ok(store.products.get(id).ok_or_else(|| Refusal::missing("product"))?)
}

pub(crate) fn update(store: &mut Store, call: &Call, id: &str) -> Outcome {
    let patch: ProductPatch = call.json()?;
    let product = store.products.get_mut(id).ok_or_else(|| Refusal::missing("product"))?;
    let data = &mut product.data;
    data.name = patch.name.unwrap_or_else(|| std::mem::take(&mut data.name));
    data.description = patch.description.unwrap_or_else(|| data.description.take());
    data.price = patch.price.unwrap_or(data.price);
    data.tags = patch.tags.unwrap_or_else(|| std::mem::take(&mut data.tags));
    data.stock = patch.stock.unwrap_or(data.stock);
    Reply::ok(product)
}

/// A value that serde knows by its name, from a parameter.
pub(crate) fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| Refusal::bad(error.to_string()))
}
