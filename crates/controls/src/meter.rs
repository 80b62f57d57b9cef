//! Rates of the document as meters.

use std::time::Duration;

use engine::cells::Meter;
use spec::Rate;

/// GCRA: an interval of window ÷ count, rounded up so that never more than the rate is admitted; without a `burst` as many at
/// once as the rate counts. With it comes what the meter's cells are known by, so that another rate counts anew. `None`
/// when the burst is out of range.
#[must_use]
pub(crate) fn rate(rate: Rate, burst: Option<u32>) -> Option<(Meter, String)> {
    let window = rate.window().as_nanos();
    let interval = Duration::from_nanos(u64::try_from(window.div_ceil(u128::from(rate.count()))).ok()?);
    let burst = burst.or_else(|| u32::try_from(rate.count()).ok()).filter(|burst| *burst > 0)?;
    Some((Meter::Rate { interval, burst }, format!("rate {rate} burst {burst}")))
}
