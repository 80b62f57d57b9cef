//! What a WebSocket holds of its core's room, and what is known of one that ends while a control looks at a message.

use engine::websocket::Rules;

use super::bench::{Bench, shape};
use super::kit::rules;
use crate::websocket::frames::{Event, Opcode};

/// Sends a message and lets its upstream return it.
fn echo(bench: &mut Bench, payload: &[u8]) {
    bench.client.send(Opcode::Binary, payload);
    bench.settle();
    assert_eq!(bench.server.events().len(), 1);
    bench.server.send(Opcode::Binary, payload);
    bench.settle();
    let back = bench.client.events();
    assert!(matches!(&back[..], [Event::Message { payload: same, .. }] if same == payload));
}

#[test]
fn what_was_passed_on_is_held_no_longer() {
    let mut bench = Bench::open(&shape(rules()));
    echo(&mut bench, &[7; 30_000]);
    assert!(!bench.holds(1));
    // The twin: what has not come whole is held.
    let frame = bench.client.frame(Opcode::Binary, &[7; 30_000]);
    bench.client.push(&frame[..20_000]);
    bench.settle();
    assert!(bench.holds(19_000));
}
