//! Finding a property by its name.
//!
//! Names of one schema are few and known at load: a table is sought in which each has a slot of its own, by its length and
//! three of its bytes. Where there is none, names are searched by halves. What is found is always compared whole.

/// Multipliers that are tried.
const TRIED: u32 = 64;
/// More names are not worth the table.
const MOST: usize = 256;

/// Where names stand in a list, which it does not hold.
#[derive(Debug)]
pub(super) enum Names {
    /// By [`slot`]: the place in the list, or one beyond it.
    Table { multiplier: u32, bits: u32, slots: Box<[u16]> },
    /// The list is in the order of [`order`].
    Sorted,
}

impl Names {
    /// Of a list in the order of [`order`], without repetitions.
    pub(super) fn of(list: &[&[u8]]) -> Self {
        if list.is_empty() || list.len() > MOST {
            return Self::Sorted;
        }
        let bits = (list.len() * 3).next_power_of_two().trailing_zeros();
        // Odd, and far apart.
        let tried = (1..=TRIED).map(|round| round.wrapping_mul(0x9E37_79B9) | 1);
        tried.into_iter().find_map(|multiplier| table(list, multiplier, bits)).unwrap_or(Self::Sorted)
    }

    /// The place of a name; `at` gives the name at a place.
    pub(super) fn find<'n>(
        &self,
        name: &[u8],
        count: usize,
        at: impl Fn(usize) -> &'n [u8],
    ) -> Option<usize> {
        match self {
            Self::Table { multiplier, bits, slots } => {
                let place = usize::from(*slots.get(slot(name, *multiplier, *bits))?);
                (place < count && at(place) == name).then_some(place)
            }
            Self::Sorted => {
                let (mut low, mut high) = (0, count);
                while low < high {
                    let middle = low + (high - low) / 2;
                    match order(at(middle), name) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Equal => return Some(middle),
                        std::cmp::Ordering::Greater => high = middle,
                    }
                }
                None
            }
        }
    }
}

/// Shorter names first: most comparisons end at the length.
pub(super) fn order(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn table(list: &[&[u8]], multiplier: u32, bits: u32) -> Option<Names> {
    let mut slots = vec![u16::MAX; 1 << bits];
    for (place, name) in list.iter().enumerate() {
        let slot = slots.get_mut(slot(name, multiplier, bits)).filter(|slot| **slot == u16::MAX)?;
        *slot = u16::try_from(place).ok()?;
    }
    Some(Names::Table { multiplier, bits, slots: slots.into_boxed_slice() })
}

/// Where a name stands in a table of `2^bits` slots.
fn slot(name: &[u8], multiplier: u32, bits: u32) -> usize {
    let byte = |at: usize| u32::from(name.get(at).copied().unwrap_or(0));
    let print = u32::try_from(name.len() & 0xff).unwrap_or(0)
        | byte(0) << 8
        | byte(name.len() / 2) << 16
        | byte(name.len().saturating_sub(1)) << 24;
    // The upper bits of a product depend on all of its factors' bits.
    (print.wrapping_mul(multiplier) >> (32 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(mut names: Vec<Vec<u8>>, others: &[Vec<u8>]) -> Names {
        names.sort_by(|one, other| order(one, other));
        names.dedup();
        let list: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let found = Names::of(&list);
        let find = |name: &[u8]| found.find(name, list.len(), |at| list.get(at).copied().unwrap_or_default());
        for (place, name) in list.iter().enumerate() {
            assert_eq!(find(name), Some(place));
        }
        for name in others.iter().filter(|name| !names.contains(name)) {
            assert_eq!(find(name), None);
        }
        found
    }

    #[test]
    fn usual_names_have_a_table_and_names_that_look_alike_are_found_without() {
        let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let usual = words("id name status created_at updated_at customer items total currency note address");
        assert!(matches!(check(usual, &words("Id nam x")), Names::Table { .. }));
        let alike = words("axbxc aybxc azbxc");
        assert!(matches!(check(alike, &words("abbxc axbxd")), Names::Sorted));
        assert!(matches!(check(Vec::new(), &words("a")), Names::Sorted));
    }

    proptest! {
        #[test]
        fn what_is_there_is_found_and_nothing_else(
            names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..40),
            others in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..40),
        ) {
            check(names, &others);
        }
    }
}
