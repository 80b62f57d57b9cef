//! What rules say, read off their text: enough to tell which difference concerns which rule.

use std::collections::BTreeMap;

/// Of each id the rule's directives as written, chain included.
pub struct Facts(BTreeMap<u64, Vec<String>>);

impl Facts {
    pub fn read<'a>(texts: impl Iterator<Item = &'a str>) -> Facts {
        let id = regex::Regex::new(r"\bid:'?(\d+)").unwrap();
        let mut rules: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let mut open: Option<u64> = None;
        for text in texts {
            let joined = text.replace("\\\n", " ");
            for line in joined.lines().map(str::trim_start).filter(|line| line.starts_with("SecRule ")) {
                let number = id.captures(line).and_then(|found| found[1].parse().ok()).or(open);
                let Some(number) = number else { continue };
                rules.entry(number).or_default().push(line.to_owned());
                let actions = line.rsplit('"').nth(1).unwrap_or_default();
                open = actions.split(',').any(|action| action.trim() == "chain").then_some(number);
            }
        }
        Facts(rules)
    }

    fn links(&self, id: u64) -> &[String] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether the first of its links looks at a variable.
    pub fn looks_at(&self, id: u64, variable: &str) -> bool {
        let targets = self.links(id).first().and_then(|link| link.split(' ').nth(1)).unwrap_or_default();
        targets.split('|').any(|target| target.trim_matches('"').split(':').next() == Some(variable))
    }

    /// Whether the first of its links says something, as an action or operator.
    pub fn says(&self, id: u64, word: &str) -> bool {
        self.links(id).first().is_some_and(|link| link.contains(word))
    }

    /// Whether a link behind the first looks at a variable of what matched before.
    pub fn chains_on(&self, id: u64, variables: &[&str]) -> bool {
        let targets = |link: &String| {
            let targets = link.split(' ').nth(1).unwrap_or_default().to_owned();
            variables.iter().any(|variable| targets.contains(variable))
        };
        self.links(id).iter().skip(1).any(targets)
    }

    pub fn is_chain(&self, id: u64) -> bool {
        self.links(id).len() > 1
    }
}
