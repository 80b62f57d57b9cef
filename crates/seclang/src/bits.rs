//! Sets of rules, one bit each.

/// Word by word; a loop that the compiler takes apart in every profile.
#[inline]
fn each(words: &mut [u64], others: &[u64], combine: impl Fn(u64, u64) -> u64) {
    let (mut words, mut others) = (words, others);
    while let ([word, rest @ ..], [other, more @ ..]) = (words, others) {
        *word = combine(*word, *other);
        (words, others) = (rest, more);
    }
}

/// A set of rule numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits(Box<[u64]>);

impl Bits {
    /// Room for `count` rules, none in it.
    pub(crate) fn new(count: usize) -> Bits {
        Bits(vec![0; count.div_ceil(64)].into_boxed_slice())
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    pub(crate) fn insert(&mut self, rule: usize) {
        if let Some(word) = self.0.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    pub(crate) fn contains(&self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn add(&mut self, other: &Bits) {
        each(&mut self.0, &other.0, |word, other| word | other);
    }

    pub(crate) fn subtract(&mut self, other: &Bits) {
        each(&mut self.0, &other.0, |word, other| word & !other);
    }

    /// Whether a rule is in both.
    pub(crate) fn intersects(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    /// Takes all out.
    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(crate) fn keep(&mut self, words: &[u64]) {
        each(&mut self.0, words, |word, other| word & other);
    }

    /// The same rules under new numbers; those without one are left out.
    pub(crate) fn renumbered(&self, numbers: &[Option<usize>], count: usize) -> Bits {
        let mut bits = Bits::new(count);
        for rule in self.iter() {
            if let Some(number) = numbers.get(rule).copied().flatten() {
                bits.insert(number);
            }
        }
        bits
    }

    /// Becomes a copy of `other`, without allocating when both are for the same rules.
    pub(crate) fn copy_from(&mut self, other: &Bits) {
        if self.0.len() == other.0.len() {
            self.0.copy_from_slice(&other.0);
        } else {
            self.0 = other.0.clone();
        }
    }

    /// Whether the two have a rule in common.
    pub(crate) fn meets(&self, other: &Bits) -> bool {
        let (mut words, mut others) = (&*self.0, &*other.0);
        while let ([word, rest @ ..], [other, more @ ..]) = (words, others) {
            if word & other != 0 {
                return true;
            }
            (words, others) = (rest, more);
        }
        false
    }

    /// The first member that is not below `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let mut at = from / 64;
        let mut word = self.0.get(at)? & (u64::MAX << (from % 64));
        while word == 0 {
            at += 1;
            word = *self.0.get(at)?;
        }
        Some(at * 64 + word.trailing_zeros() as usize)
    }

    /// The members, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.next(from)?;
            from = found + 1;
            Some(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kept_in_order() {
        let mut bits = Bits::new(130);
        for rule in [129, 3, 64] {
            bits.insert(rule);
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 64, 129]);
        assert_eq!((bits.next(4), bits.next(65), bits.next(130)), (Some(64), Some(129), None));
        assert!(!bits.contains(65) && bits.contains(129) && !bits.is_empty());
        let mut other = Bits::new(130);
        other.insert(3);
        assert!(bits.meets(&other));
        bits.subtract(&other);
        assert!(!bits.meets(&other));
    }
}
