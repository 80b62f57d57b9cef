//! Parameters by which a caller could ask for what is hidden: a filter or an order by a field tells of it, one answer at a time.

/// A parameter of the query, or one word in its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: Box<str>,
    /// The word in the value, folded.
    word: Option<Box<str>>,
    /// Of `filter[total]` the parameter itself, and what is asked in it, folded.
    inner: Option<(Box<str>, Box<str>)>,
}

impl Question {
    /// `name`, or `name=word`.
    pub(super) fn parse(text: &str) -> Self {
        let (name, word) = match text.split_once('=') {
            Some((name, word)) => (name, folded(word)),
            None => (text, None),
        };
        let inner = name.split_once(['[', '.']).and_then(|(own, inner)| {
            let last = inner.split(['[', ']', '.']).rfind(|piece| !piece.is_empty())?;
            Some((own.into(), folded(last)?))
        });
        Self { name: name.into(), word, inner }
    }

    /// Whether a query asks so, under this name or one that some services read as it. What cannot be read may.
    pub(super) fn is_asked(&self, pairs: &[contract::Pair<'_>]) -> bool {
        pairs.iter().any(|pair| match &self.word {
            None => is_named(&self.name, &pair.name) || self.is_within(&pair.name, &pair.value),
            // The word is in the value, as in `sort=-total,id`, or in the name, as in `sort[total]=asc`.
            Some(word) => {
                is_named(&self.name, &pair.name)
                    && (has_word(&pair.value, word) || has_word(inside(&pair.name), word))
            }
        })
    }

    /// Of `filter[total]`: whether a pair of `filter` says `total` somewhere else in its name, or in its value where the name says
    /// nothing (`filter[and][0][total]=5`, `filter=total:5`).
    fn is_within(&self, name: &str, value: &str) -> bool {
        let Some((own, word)) = &self.inner else { return false };
        if !is_named(own, name) {
            return false;
        }
        let rest = inside(name);
        let silent = words(rest).all(|one| one.bytes().all(|byte| byte.is_ascii_digit()));
        has_word(rest, word) || (silent && has_word(value, word))
    }
}

/// What stands in brackets or behind a dot.
fn inside(name: &str) -> &str {
    name.split_once(['[', '.']).map_or("", |(_, rest)| rest)
}

fn is_named(name: &str, written: &str) -> bool {
    name == written || contract::is_alias(name, written)
}

/// Whether the words of a name stand in a text one after the other, as those of `total` in `-total_desc,id`. What is escaped in JSON
/// may say anything.
fn has_word(text: &str, folded: &str) -> bool {
    if text.contains('\\') {
        return true;
    }
    let words: Vec<String> = words(text).map(fold).collect();
    (0..words.len()).filter_map(|start| words.get(start..)).any(|rest| begins(rest, folded))
}

/// Whether words begin with a name that may be several of them.
fn begins(words: &[String], folded: &str) -> bool {
    let mut left = folded;
    for word in words {
        match left.strip_prefix(word.as_str()) {
            Some("") => return true,
            Some(rest) => left = rest,
            None => return false,
        }
    }
    false
}

/// The words of a name as one; none of what has none.
fn folded(name: &str) -> Option<Box<str>> {
    let all: String = words(name).map(fold).collect();
    (!all.is_empty()).then(|| all.into())
}

/// By way of the upper case, in which the long s is an S.
fn fold(word: &str) -> String {
    word.to_uppercase().to_lowercase()
}

/// Words end at what is no letter or digit, and where a capital follows a small letter.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split(|c: char| !c.is_alphanumeric());
    pieces.flat_map(camels).filter(|word| !word.is_empty())
}

fn camels(piece: &str) -> impl Iterator<Item = &str> {
    let mut left = piece;
    std::iter::from_fn(move || {
        let follows = left.char_indices().zip(left.chars().skip(1));
        let end = follows
            .filter(|((_, one), next)| one.is_lowercase() && next.is_uppercase())
            .map(|((at, one), _)| at + one.len_utf8())
            .next();
        let (word, rest) = left.split_at_checked(end.unwrap_or(left.len()))?;
        left = rest;
        (!word.is_empty()).then_some(word)
    })
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
            // A name with other words about it: which of them are directions and operators is the service's choice.
            ("sort=total", "sort=total_desc", true),
            ("sort=total", "sort=totalDesc", true),
            ("sort=total", "sort=by_total", true),
            ("sort=total", "sort=total_price", true),
            ("sort=total", "sort=subtotal", false),
            ("sort=-total", "sort=total", true),
            ("sort=ship_to.city", "sort=-ship_to.city", true),
            ("sort=ship_to.city", "sort[shipTo][city]=asc", true),
            ("sort=ship_to.city", "sort=ship_to", false),
            ("sort=created-at", "sort=createdAt:desc", true),
            ("sort=created-at", "sort=CREATED_AT", true),
            ("sort=created_at", "sort=createdat", true),
            ("sort=created-at", "sort=created", false),
            // Escapes of JSON are not undone here.
            ("sort=total", "sort=%7B%22t%5Cu006ftal%22:1%7D", true),
            ("filter[total]", "filter=%7B%22t%5Cu006ftal%22:5%7D", true),
            ("filter[total]", "filter[status]=a%5Cb", false),
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
            ("filter[total]", "", false),
        ] {
            let pairs = contract::pairs(query);
            let is_asked = pairs.is_ok_and(|pairs| Question::parse(question).is_asked(&pairs));
            assert_eq!(is_asked, asked, "{question} {query}");
        }
    }
}
