//! Parameters by which a caller could ask for what is hidden: a filter or an order by a field tells of it, one answer at a time.

/// A parameter of the query, or one word in its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: Box<str>,
    word: Option<Box<str>>,
}

impl Question {
    /// `name`, or `name=word`.
    pub(super) fn parse(text: &str) -> Self {
        let (name, word) = match text.split_once('=') {
            Some((name, word)) => (name, Some(word.into())),
            None => (text, None),
        };
        Self { name: name.into(), word }
    }

    /// Whether a query asks so, under this name or one that some services read as it. What cannot be read may.
    pub(super) fn is_asked(&self, query: &str) -> bool {
        let Ok(pairs) = contract::pairs(query) else { return true };
        pairs.iter().any(|pair| {
            let named = *pair.name == *self.name || contract::is_alias(&self.name, &pair.name);
            named && self.word.as_ref().is_none_or(|word| has_word(&pair.value, word))
        })
    }
}

/// Whether a word stands in a value such as `-total,id`.
fn has_word(value: &str, word: &str) -> bool {
    let edge = |c: char| !c.is_alphanumeric() && c != '_';
    value.split(edge).any(|one| one.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_known_in_any_spelling() {
        for (question, query, asked) in [
            ("sort=total", "sort=total", true),
            ("sort=total", "sort=-total", true),
            ("sort=total", "sort=id,-TOTAL", true),
            ("sort=total", "Sort[]=total", true),
            ("sort=total", "s%6Frt=t%6Ftal", true),
            ("sort=total", "sort=total_price", false),
            ("sort=total", "sort=id", false),
            ("sort=total", "other=total", false),
            ("filter[total]", "filter[total]=5", true),
            ("filter[total]", "filter.total=5", true),
            ("filter[total]", "filter[total][gt]=5", true),
            ("filter[total]", "filter[status]=total", false),
            ("filter[total]", "%ff", true),
            ("filter[total]", "", false),
        ] {
            assert_eq!(Question::parse(question).is_asked(query), asked, "{question} {query}");
        }
    }
}
