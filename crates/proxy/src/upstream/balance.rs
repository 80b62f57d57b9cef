//! Which target a call goes to: pure, without allocation, over at most [`bounds::TARGETS`] of them.
//!
//! Sets of targets are bits of a word. Round robin is the smooth kind: of 5, 1 and 1 the first does not get its five calls
//! in one go. Consistent hashing is by rendezvous (Thaler and Ravishankar, 1998), weighted by the logarithm method (Schindelhauer
//! and Schomaker, 2005): when a target goes, only its own keys move, and each knows without a ring where to.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher};

use engine::bounds;

/// Some of the targets, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Set(u64);

impl Set {
    /// The first `count`.
    pub(super) fn first(count: usize) -> Self {
        debug_assert!(count <= bounds::TARGETS);
        Set(u64::MAX.checked_shr(u32::try_from(64 - count.min(64)).unwrap_or(0)).unwrap_or(0))
    }

    /// With one more.
    pub(crate) fn add(&mut self, number: usize) {
        self.0 |= 1 << (number % 64);
    }

    /// Without those.
    pub(super) fn without(self, others: Set) -> Self {
        Set(self.0 & !others.0)
    }

    /// Itself, or what stands in for none.
    pub(super) fn or(self, other: Set) -> Self {
        if self.0 == 0 { other } else { self }
    }

    pub(super) fn has(self, number: usize) -> bool {
        self.0 >> (number % 64) & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one that is in it, when it is only one.
    pub(super) fn only(self) -> Option<usize> {
        self.0.is_power_of_two().then(|| self.0.trailing_zeros() as usize)
    }

    /// Those in it, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> + Clone {
        (0..64).filter(move |number| self.has(*number))
    }
}

/// Smooth weighted round robin: everyone earns its weight, the richest is chosen and pays for all.
pub(super) fn in_turn<'a>(candidates: impl Iterator<Item = (usize, u64, &'a Cell<i64>)>) -> Option<usize> {
    let (mut total, mut best) = (0_i64, None::<(usize, &Cell<i64>)>);
    for (number, weight, credit) in candidates {
        let weight = i64::try_from(weight).unwrap_or(i64::MAX);
        total = total.saturating_add(weight);
        credit.set(credit.get().saturating_add(weight));
        if best.is_none_or(|(_, richest)| credit.get() > richest.get()) {
            best = Some((number, credit));
        }
    }
    let (number, credit) = best?;
    credit.set(credit.get().saturating_sub(total));
    Some(number)
}

/// Of two drawn by weight, the one that has less to do for its weight (Mitzenmacher, 2001).
pub(super) fn of_two(
    candidates: &(impl Iterator<Item = (usize, u64, u32)> + Clone),
    mut dice: impl FnMut() -> u64,
) -> Option<usize> {
    let total: u64 = candidates.clone().map(|(_, weight, _)| weight).sum();
    let mut draw = |without: Option<(usize, u64)>| {
        let total = total - without.map_or(0, |(_, weight)| weight);
        let mut at = dice().checked_rem(total)?;
        candidates.clone().filter(|(number, ..)| without.is_none_or(|(other, _)| other != *number)).find(
            |(_, weight, _)| match at.checked_sub(*weight) {
                Some(rest) => {
                    at = rest;
                    false
                }
                None => true,
            },
        )
    };
    let (first, weight, busy) = draw(None)?;
    let Some((second, other_weight, other_busy)) = draw(Some((first, weight))) else { return Some(first) };
    // (busy + 1) ÷ weight, without a division.
    let load = |busy: u32, weight: u64| (u128::from(busy) + 1) * u128::from(weight);
    Some(if load(other_busy, weight) < load(busy, other_weight) { second } else { first })
}

/// A key, or a target's name, as a number that is the same in every process.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish()
}

/// The target with the highest score for the key.
pub(super) fn by_hash(candidates: impl Iterator<Item = (usize, u64, u64)>, key: u64) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (number, weight, seed) in candidates {
        let score = score(mix(key ^ seed), weight);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, number));
        }
    }
    best.map(|(_, number)| number)
}

/// −weight ÷ ln(u), with u in (0, 1) from the 53 upper bits.
#[allow(clippy::cast_precision_loss, reason = "53 bits, and weights far below")]
fn score(hash: u64, weight: u64) -> f64 {
    let unit = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -(weight as f64) / unit.ln()
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_bits() {
        assert!(Set::first(0).is_empty());
        assert_eq!(Set::first(64).iter().count(), 64);
        let mut tried = Set::default();
        tried.add(1);
        let left = Set::first(3).without(tried);
        assert_eq!(left.iter().collect::<Vec<_>>(), [0, 2]);
        assert_eq!((left.only(), tried.only()), (None, Some(1)));
        assert_eq!(tried.without(tried).or(left), left);
    }

    #[test]
    fn turns_are_smooth_and_follow_the_weights() {
        let credits = [const { Cell::new(0) }; 3];
        let weights = [5, 1, 1];
        let turns: Vec<usize> =
            (0..14).map(|_| in_turn((0..3).map(|n| (n, weights[n], &credits[n]))).unwrap()).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(in_turn(std::iter::empty()), None);
    }

    #[test]
    fn of_two_the_less_busy_is_taken() {
        let mut state = 1_u64;
        let mut dice = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        let taken = |busy: [u32; 3], weights: [u64; 3], dice: &mut dyn FnMut() -> u64| {
            let mut counts = [0; 3];
            for _ in 0..3000 {
                counts[of_two(&(0..3).map(|n| (n, weights[n], busy[n])), &mut *dice).unwrap()] += 1;
            }
            counts
        };
        let even = taken([0, 0, 0], [64, 64, 64], &mut dice);
        assert!(even.iter().all(|count| (800..1200).contains(count)), "{even:?}");
        let busy = taken([9, 0, 0], [64, 64, 64], &mut dice);
        assert_eq!(busy[0], 0, "the busiest loses against either");
        let weighted = taken([9, 0, 0], [640, 1, 1], &mut dice);
        assert!(weighted[0] > 0, "but ten times the weight carries ten times as many");
        assert_eq!(of_two(&[(7, 64, 3)].into_iter(), &mut dice), Some(7));
        assert_eq!(of_two(&std::iter::empty(), &mut dice), None);
    }

    #[test]
    fn keys_stay_where_they_are_when_another_target_goes() {
        let seeds: Vec<u64> = (0..5_u8).map(|n| hash(&[&[n]])).collect();
        let weights = [64, 64, 64, 64, 192];
        let of = |key: u64, gone: usize| {
            by_hash((0..5).filter(|n| *n != gone).map(|n| (n, weights[n], seeds[n])), key).unwrap()
        };
        let mut counts = [0; 5];
        for key in 0..7000_u64 {
            let key = hash(&[&key.to_le_bytes()]);
            let home = of(key, 5);
            counts[home] += 1;
            if home != 2 {
                assert_eq!(of(key, 2), home);
            }
        }
        assert!(counts[..4].iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert!((2700..3300).contains(&counts[4]), "three times the weight: {counts:?}");
    }
}
