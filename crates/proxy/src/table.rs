//! A table of what is alive on a core, with a number for each entry.

use std::cell::RefCell;

/// Entries by number; numbers of entries that are gone are given out again.
#[derive(Debug)]
pub(crate) struct Table<T> {
    inner: RefCell<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { inner: RefCell::new(Inner { slots: Vec::new(), free: Vec::new() }) }
    }
}

impl<T: Clone> Table<T> {
    /// Adds an entry and returns its number.
    pub(crate) fn insert(&self, value: T) -> usize {
        let mut inner = self.inner.borrow_mut();
        match inner.free.pop() {
            Some(number) => {
                if let Some(slot) = inner.slots.get_mut(number) {
                    *slot = Some(value);
                }
                number
            }
            None => {
                inner.slots.push(Some(value));
                inner.slots.len() - 1
            }
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&self, number: usize) -> Option<T> {
        let mut inner = self.inner.borrow_mut();
        let value = inner.slots.get_mut(number).and_then(Option::take)?;
        inner.free.push(number);
        Some(value)
    }

    /// An entry.
    pub(crate) fn get(&self, number: usize) -> Option<T> {
        self.inner.borrow().slots.get(number).cloned().flatten()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        let inner = self.inner.borrow();
        inner.slots.len() - inner.free.len()
    }

    /// All entries, so that the table may change while they are walked.
    pub(crate) fn all(&self) -> Vec<T> {
        self.inner.borrow().slots.iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn numbers_are_given_out_again() {
        let table = Table::default();
        let (first, second) = (table.insert('a'), table.insert('b'));
        assert_eq!((table.remove(first), table.remove(first)), (Some('a'), None));
        assert_eq!(table.insert('c'), first);
        assert_ne!(first, second);
        assert_eq!((table.len(), table.all()), (2, vec!['c', 'b']));
    }
}
