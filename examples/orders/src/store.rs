//! The data: one bounded table per noun, all in memory. A full table forgets its oldest entry, so that a long test run
//! against the sample never ends in an answer the contract does not know.

use std::collections::BTreeMap;

use crate::model::{Customer, Order, Payment, Product, Refund};

/// Entries per table.
pub(crate) const MOST: usize = 5_000;
/// Ids have six digits.
const LAST_ID: u32 = 999_999;

/// Entries by number; `prefix` and the number make the id.
pub(crate) struct Table<T> {
    prefix: &'static str,
    last: u32,
    rows: BTreeMap<u32, T>,
}

impl<T> Table<T> {
    fn new(prefix: &'static str) -> Self {
        Self { prefix, last: 0, rows: BTreeMap::new() }
    }

    /// Stores what `make` builds for the next id, and returns it.
    pub(crate) fn add(&mut self, make: impl FnOnce(String) -> T) -> &T {
        self.last = if self.last >= LAST_ID { 1 } else { self.last + 1 };
        let (number, row) = (self.last, make(format!("{}_{:06}", self.prefix, self.last)));
        self.rows.remove(&number);
        if self.rows.len() >= MOST {
            self.rows.pop_first();
        }
        self.rows.entry(number).or_insert(row)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(&self.number(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let number = self.number(id)?;
        self.rows.get_mut(&number)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        let number = self.number(id)?;
        self.rows.remove(&number)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    /// The entries after the number `after` with their numbers, oldest first.
    pub(crate) fn after(&self, after: u32) -> impl Iterator<Item = (u32, &T)> {
        self.rows.range(after.saturating_add(1)..).map(|(number, row)| (*number, row))
    }

    fn number(&self, id: &str) -> Option<u32> {
        let digits = id.strip_prefix(self.prefix)?.strip_prefix('_')?;
        if digits.len() == 6 { digits.parse().ok() } else { None }
    }
}

/// Everything the service knows.
pub(crate) struct Store {
    pub(crate) customers: Table<Customer>,
    pub(crate) products: Table<Product>,
    pub(crate) orders: Table<Order>,
    pub(crate) payments: Table<Payment>,
    pub(crate) refunds: Table<Refund>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            customers: Table::new("cus"),
            products: Table::new("prd"),
            orders: Table::new("ord"),
            payments: Table::new("pay"),
            refunds: Table::new("ref"),
        }
    }
}
