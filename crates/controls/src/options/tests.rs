use std::sync::Arc;

use engine::{Control, Verdict};
use http::Method;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::Options;

#[test]
fn the_answer_names_each_method_once() {
    let context = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let control =
        Arc::new(Options::new([Method::POST, Method::GET, Method::HEAD, Method::GET])).attach(&context);
    let mut call = CallBuilder::new(Method::OPTIONS, "/orders").build();
    let Verdict::Answer(answer) = done(control.head(&mut call)) else { panic!("no answer") };
    assert_eq!((answer.status.as_u16(), answer.headers.len(), answer.body.len()), (204, 1, 0));
    assert_eq!(answer.headers[0].1, "GET, HEAD, OPTIONS, POST");
}
