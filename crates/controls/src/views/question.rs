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
        pairs.iter().any(|pair| match &self.word {
            None => is_named(&self.name, &pair.name) || self.is_within(&pair.name, &pair.value),
            // The word is in the value, as in `sort=-total,id`, or in the name, as in `sort[total]=asc`.
            Some(word) => {
                let rest = || pair.name.split_once(['[', '.']).map_or("", |(_, rest)| rest);
                is_named(&self.name, &pair.name) && (has_word(&pair.value, word) || has_word(rest(), word))
            }
        })
    }

    /// Of `filter[total]`: whether a pair of `filter` says `total` somewhere else in its name, or in its value where the name says
    /// nothing (`filter[and][0][total]=5`, `filter=total:5`).
    fn is_within(&self, name: &str, value: &str) -> bool {
        let Some((own, inner)) = self.name.split_once(['[', '.']) else { return false };
        let word = words(inner).next_back().unwrap_or_default();
        if word.is_empty() || !is_named(own, name) {
            return false;
        }
        let rest = name.split_once(['[', '.']).map_or("", |(_, rest)| rest);
        let silent = words(rest).all(|one| one.bytes().all(|byte| byte.is_ascii_digit()));
        has_word(rest, word) || (silent && has_word(value, word))
    }
}

fn is_named(name: &str, written: &str) -> bool {
    name == written || contract::is_alias(name, written)
}

/// Whether a word stands in a text such as `-total,id`.
fn has_word(text: &str, word: &str) -> bool {
    words(text).any(|one| one.eq_ignore_ascii_case(word))
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
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
            ("sort=total", "sort[total]=asc", true),
            ("sort=total", "sort.total=asc", true),
            ("sort=total", "sort[0][field]=total", true),
            ("sort=total", "sort=%7B%22total%22:1%7D", true),
            ("sort=total", "sort[id]=asc", false),
            ("sort=total", "sort=total_price", false),
            ("sort=total", "sort=id", false),
            ("sort=total", "other=total", false),
            ("filter[total]", "filter[total]=5", true),
            ("filter[total]", "filter.total=5", true),
            ("filter[total]", "filter[total][gt]=5", true),
            ("filter[total]", "filter[and][0][Total]=5", true),
            ("filter[total]", "Filter%5Btotal%5D=5", true),
            ("filter[total]", "filter=total:5", true),
            ("filter[total]", "filter=%7B%22total%22:5%7D", true),
            ("filter[total]", "filter[]=total:5", true),
            ("filter[total]", "filter=status:paid", false),
            ("filter[total]", "filters[total]=5", false),
            ("filter[total]", "filter[status]=total", false),
            ("filter[a][total]", "filter[total][a]=5", true),
            ("total", "total=5", true),
            ("total", "total[gt]=5", true),
            ("total", "totals=5", false),
            ("filter[total]", "%ff", true),
            ("filter[total]", "", false),
        ] {
            assert_eq!(Question::parse(question).is_asked(query), asked, "{question} {query}");
        }
    }
}
