//! The pages of the codes (`docs/errors`), as they are in the binary.

/// What a page says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// The public text of the code.
    pub(crate) title: &'static str,
    /// What whoever runs the gateway should look at; paragraphs with an empty line between.
    pub(crate) operator: &'static str,
}

/// Every page by its code.
static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code.
pub(crate) fn of(code: &str) -> Option<Page> {
    let (_, text) = PAGES.iter().find(|(name, _)| *name == code)?;
    let (_, rest) = text.split_once("## For the operator")?;
    let operator = rest.split("\n## ").next()?.trim();
    Some(Page { title: engine::codes::find(code)?.title, operator })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_something_to_do() {
        for code in engine::codes::TABLE {
            let page = of(code.name).unwrap_or_else(|| panic!("{}", code.name));
            assert!(!page.operator.is_empty() && page.title == code.title, "{}", code.name);
        }
        assert_eq!(PAGES.len(), engine::codes::TABLE.len());
        assert!(of("nothing").is_none() && of("").is_none());
    }
}
