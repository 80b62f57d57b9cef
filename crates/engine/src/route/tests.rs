//! Which template a path has, and in which order they are tried.

use super::*;

fn tree(templates: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for (index, text) in templates.iter().enumerate() {
        let template = Template::parse(text, true).unwrap();
        tree.insert(&template, Method::GET, u32::try_from(index).unwrap()).unwrap();
    }
    tree
}

#[test]
fn the_concrete_wins_and_dead_ends_go_back() {
    let templates = [
        "/orders/{id}",
        "/orders/mine",
        "/orders/{id}/items",
        "/orders/mine/items/{n}",
        "/repos/{o}/compare/{base}...{head}",
        "/repos/{o}/compare/{basehead}",
        "/files/*",
        "/",
        "/a/{x}.json",
        "/trail/",
    ];
    let tree = tree(&templates);
    type Expected<'a> = Option<(u32, &'a [&'a str])>;
    let cases: &[(&str, Expected<'_>)] = &[
        ("/orders/7", Some((0, &["7"]))),
        ("/orders/mine", Some((1, &[]))),
        ("/orders/mine/items", Some((2, &["mine"]))),
        ("/orders/mine/items/3", Some((3, &["3"]))),
        ("/repos/a/compare/x...y", Some((4, &["a", "x", "y"]))),
        ("/repos/a/compare/xy", Some((5, &["a", "xy"]))),
        ("/files/a/b/c", Some((6, &[]))),
        ("/files/", Some((6, &[]))),
        ("/files", None),
        ("/", Some((7, &[]))),
        ("/a/b.json", Some((8, &["b"]))),
        ("/a/.json", None),
        ("/trail/", Some((9, &[]))),
        ("/trail", None),
        ("/orders/", None),
        ("/orders", None),
        ("/orders/7/items/", None),
    ];
    for (path, expected) in cases {
        let found = match tree.find(path, 0, &Method::GET) {
            Found::Operation(operation, params) => Some((
                operation,
                params.iter().map(|(from, to)| &path[*from as usize..*to as usize]).collect::<Vec<_>>(),
            )),
            _ => None,
        };
        assert_eq!(found, expected.map(|(operation, params)| (operation, params.to_vec())), "{path}");
    }
}

#[test]
fn equal_shapes_collide_and_bad_templates_say_why() {
    let mut tree = tree(&["/a/{x}"]);
    let twin = Template::parse("/a/{y}", false).unwrap();
    assert_eq!(tree.insert(&twin, Method::GET, 9), Err(0));
    assert_eq!(tree.insert(&twin, Method::PUT, 9), Ok(()));
    for bad in ["a", "/{", "/{}", "/}", "/{a}{b}", "/{a}/{a}", "/a}b{c}"] {
        assert!(Template::parse(bad, false).is_err(), "{bad}");
    }
}
