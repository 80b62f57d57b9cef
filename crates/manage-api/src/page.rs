//! Lists that fit an answer.

use serde::Serialize;

use crate::{FULL_PAGE, MAX_PAGE};

/// The first entries of a list, as many as fit one answer ([`MAX_PAGE`], and bytes), and whether there are more. There is always
/// one, so that whoever asks for those behind it comes to an end.
pub fn page<T: Serialize>(entries: impl IntoIterator<Item = T>) -> (Vec<T>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0_usize);
    for entry in entries {
        if page.len() >= MAX_PAGE || bytes >= FULL_PAGE {
            return (page, true);
        }
        // What cannot be written is for who writes the answer to say.
        bytes = bytes.saturating_add(serde_json::to_vec(&entry).map_or(0, |text| text.len()));
        page.push(entry);
    }
    (page, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_full_at_its_bounds() {
        for (count, told) in [(0, 0), (1, 1), (MAX_PAGE, MAX_PAGE), (MAX_PAGE + 1, MAX_PAGE)] {
            let (entries, more) = page(0..count);
            assert_eq!((entries.len(), more), (told, told < count), "{count}");
        }
        // With the quotes around it, each is a quarter of what makes a page full.
        let quarter = "x".repeat(FULL_PAGE / 4 - 2);
        for (count, told) in [(4, 4), (5, 4)] {
            let (entries, more) = page(vec![quarter.as_str(); count]);
            assert_eq!((entries.len(), more), (told, told < count), "{count}");
        }
        let huge = "x".repeat(2 * FULL_PAGE);
        assert_eq!(page([&huge, &huge]), (vec![&huge], true));
    }
}
