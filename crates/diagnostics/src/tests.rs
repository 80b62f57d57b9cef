//! Diagnostics as a person and a program read them.

use super::*;

#[test]
fn positions_count_from_one_in_characters() {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", "é: 1\nbb: 2\n");
    let span = |start| Span { file, start, end: start + 1 };
    assert_eq!(sources.place(span(0)), "a.yaml:1:1");
    assert_eq!(sources.place(span(2)), "a.yaml:1:2");
    assert_eq!(sources.place(span(6)), "a.yaml:2:1");
    assert_eq!(sources.place(span(600)), "a.yaml:3:1");
}

#[test]
fn in_order_is_by_place_and_stable() {
    let at = |file, start| Span { file: FileId(file), start, end: start };
    let mut all = Diagnostics::new();
    for (name, span) in [("c", Some(at(1, 0))), ("b", Some(at(0, 9))), ("x", None), ("a", Some(at(0, 9)))] {
        all.push(Diagnostic::error("x", name).maybe_at(span));
    }
    let order: Vec<&str> = all.in_order().iter().map(|item| item.message.as_str()).collect();
    assert_eq!(order, ["x", "b", "a", "c"]);
}

#[test]
fn repeats_are_left_out_and_order_is_kept() {
    let span = |start| Some(Span { file: FileId(0), start, end: start });
    let mut all = Diagnostics::new();
    for (name, span) in [("b", span(1)), ("a", None), ("b", span(1)), ("b", span(2)), ("a", None)] {
        all.push(Diagnostic::error("x", name).maybe_at(span));
    }
    let said = all.without_repeats();
    let order: Vec<_> = said.iter().map(|item| (item.message.as_str(), item.span)).collect();
    assert_eq!(order, [("b", span(1)), ("a", None), ("b", span(2))]);
}

#[test]
fn the_nearest_word_is_offered_only_when_near() {
    let keys = ["listen", "limits", "upstream"];
    for (word, expected) in
        [("lisetn", Some("listen")), ("limit", Some("limits")), ("upstraem", Some("upstream")), ("zzz", None)]
    {
        assert_eq!(nearest(word, keys), expected, "{word}");
    }
}
