//! What the shop begins with: a few customers, products and orders, so that the first call finds something.

use crate::model::{
    Address, Category, Currency, Customer, CustomerData, Line, Money, NewLine, Order, OrderStatus, Product,
    ProductData,
};
use crate::store::Store;
use crate::time::{Seconds, rfc3339};

/// A store with the sample's data in it.
pub(crate) fn store(at: Seconds) -> Store {
    let mut store = Store::new();
    for (name, email, city, postal_code, country) in [
        ("Isla Murray", "isla@example.com", "Edinburgh", "EH1 2ND", "GB"),
        ("Jonas Weber", "jonas@example.com", "Kiel", "24103", "DE"),
        ("Ana Costa", "ana@example.com", "Porto", "4000-322", "PT"),
    ] {
        let address = address(city, postal_code, country);
        let (name, email) = (name.to_owned(), email.to_owned());
        let data = CustomerData { name, email, phone: None, address, newsletter: false, password: None };
        store.customers.add(|id| Customer { id, data, created_at: rfc3339(at) });
    }
    for (sku, name, category, amount, tags) in [
        ("GAT-0001", "Garden gate, wrought iron", Category::Garden, 48_900, ["iron", "outdoor"]),
        ("KET-0007", "Copper kettle", Category::Kitchen, 6_450, ["copper", "stove"]),
        ("HAM-0012", "Cross-peen hammer", Category::Tools, 2_395, ["iron", "steel"]),
        ("BOK-0105", "Castles of the north", Category::Books, 3_200, ["history", "paper"]),
    ] {
        let data = ProductData {
            sku: sku.to_owned(),
            name: name.to_owned(),
            description: None,
            category,
            price: Money { amount, currency: Currency::Eur },
            tags: tags.map(str::to_owned).to_vec(),
            stock: 40,
        };
        store.products.add(|id| Product { id, data, created_at: rfc3339(at) });
    }
    for (customer, product, quantity, amount) in [(1, 1, 1, 48_900), (2, 3, 4, 2_395), (1, 4, 2, 3_200)] {
        add_order(&mut store, at, (customer, product), quantity, amount);
    }
    store
}

fn add_order(store: &mut Store, at: Seconds, (customer, product): (u32, u32), quantity: u64, amount: u64) {
    let price = |amount| Money { amount, currency: Currency::Eur };
    let product_id = format!("prd_{product:06}");
    let ordered = NewLine { product_id, quantity, discount_percent: 0.0, gift_note: None };
    store.orders.add(|id| Order {
        id,
        customer_id: format!("cus_{customer:06}"),
        status: OrderStatus::Placed,
        lines: vec![Line { ordered, unit_price: price(amount) }],
        ship_to: address("Edinburgh", "EH1 2ND", "GB"),
        bill_to: None,
        note: None,
        total: price(amount.saturating_mul(quantity)),
        created_at: rfc3339(at),
        updated_at: rfc3339(at),
        revision: 1,
        key: String::new(),
    });
}

fn address(city: &str, postal_code: &str, country: &str) -> Address {
    Address {
        line1: "1 Castle Street".to_owned(),
        line2: None,
        city: city.to_owned(),
        postal_code: postal_code.to_owned(),
        country: country.to_owned(),
    }
}
