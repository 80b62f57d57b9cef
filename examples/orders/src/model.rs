//! The nouns of the contract as types: what is stored and shown, and what callers send. The bounds of the contract
//! (lengths, patterns, formats) are the gateway's to check; here are only the shapes.

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Currency {
    #[serde(rename = "EUR")]
    Eur,
    #[serde(rename = "GBP")]
    Gbp,
    #[serde(rename = "USD")]
    Usd,
}

/// An amount in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    #[serde(deserialize_with = "whole")]
    pub(crate) amount: u64,
    pub(crate) currency: Currency,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    pub(crate) line1: String,
    #[serde(default)]
    pub(crate) line2: Option<String>,
    pub(crate) city: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
}

/// A customer as callers send one; the password is taken and never shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerData {
    pub(crate) name: String,
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) phone: Option<String>,
    pub(crate) address: Address,
    #[serde(default)]
    pub(crate) newsletter: bool,
    #[serde(default, skip_serializing)]
    #[expect(dead_code, reason = "the sample has no log-in that would read it")]
    pub(crate) password: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) data: CustomerData,
    pub(crate) created_at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    Books,
    Garden,
    Kitchen,
    Tools,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductData {
    pub(crate) sku: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) category: Category,
    pub(crate) price: Money,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default, deserialize_with = "whole")]
    pub(crate) stock: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) data: ProductData,
    pub(crate) created_at: String,
}

/// A merge patch (RFC 7396): absent keeps, `null` clears.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) description: Option<Option<String>>,
    pub(crate) price: Option<Money>,
    pub(crate) tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some_whole")]
    pub(crate) stock: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderStatus {
    Placed,
    Paid,
    Canceled,
    Refunded,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLine {
    pub(crate) product_id: String,
    #[serde(deserialize_with = "whole")]
    pub(crate) quantity: u64,
    #[serde(default)]
    pub(crate) discount_percent: f64,
    #[serde(default)]
    pub(crate) gift_note: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) ordered: NewLine,
    pub(crate) unit_price: Money,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) customer_id: String,
    pub(crate) lines: Vec<NewLine>,
    pub(crate) ship_to: Address,
    #[serde(default)]
    pub(crate) bill_to: Option<Address>,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderPatch {
    pub(crate) ship_to: Option<Address>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) note: Option<Option<String>>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    pub(crate) status: OrderStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) ship_to: Address,
    pub(crate) bill_to: Option<Address>,
    pub(crate) note: Option<String>,
    pub(crate) total: Money,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// Counts the changes; shown as the `ETag`.
    #[serde(skip)]
    pub(crate) revision: u32,
    #[serde(skip)]
    pub(crate) key: String,
}

/// What a caller pays with; `method` says which.
#[derive(Debug, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum NewPayment {
    Card {
        amount: Money,
        number: String,
        #[serde(rename = "expires")]
        _expires: String,
        #[serde(rename = "cvc")]
        _cvc: String,
    },
    Transfer {
        amount: Money,
        iban: String,
        #[serde(default)]
        due: Option<String>,
    },
    Voucher {
        amount: Money,
        code: String,
    },
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) method: &'static str,
    pub(crate) amount: Money,
    /// The last four characters of what paid.
    pub(crate) account: String,
    pub(crate) due: Option<String>,
    pub(crate) refunded: Money,
    pub(crate) created_at: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    Damaged,
    Late,
    Lost,
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRefund {
    pub(crate) amount: Money,
    pub(crate) reason: Reason,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) payment_id: String,
    pub(crate) amount: Money,
    pub(crate) reason: Reason,
    pub(crate) note: Option<String>,
    pub(crate) created_at: String,
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// To JSON Schema `2.0` and `2e0` are integers as well (Validation §6.1.1).
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    /// Below it every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = serde_json::Number::deserialize(deserializer)?;
    let float = || number.as_f64().filter(|value| value.fract() == 0.0 && (0.0..EXACT).contains(value));
    number
        .as_u64()
        .or_else(|| float().map(|value| value as u64))
        .ok_or_else(|| serde::de::Error::custom("expected a whole number that is not negative"))
}

fn some_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    whole(deserializer).map(Some)
}
