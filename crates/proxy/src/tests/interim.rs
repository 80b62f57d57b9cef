//! Interim answers of upstreams (RFC 9110 section 15.2): they are left out, and they have an end.

use std::net::SocketAddr;
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::upstream::UpstreamHttp;
use http::Response;

use super::two::serving_two;
use super::world::{Backend, OK, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn interim_answers_have_an_end() {
    for (count, status, bounds) in
        [(bounds::INTERIM, 200, vec![]), (bounds::INTERIM + 1, 502, vec![Bound::InterimAnswers])]
    {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(count);
        let backend = Backend::start(move |backend, _, mut client| {
            while backend.take(&mut client) {
                client.send(format!("{early}{OK}"));
            }
        });
        let world = World::start(&Shape::to(backend.address));
        // Each call has its own, also on a connection that is used again.
        let mut client = world.connect();
        for _ in 0..2 {
            client.send(GET);
            assert_eq!(client.reply().status, status, "{count} heads");
        }
        assert_eq!(world.tape.bounds(), bounds.repeat(2), "{count} heads");
    }
}

/// An upstream over HTTP/2 that gives so many interim answers before its own, if it ever gives that.
fn hints_over_two(count: usize, answers: bool) -> SocketAddr {
    serving_two(move |_, mut respond| async move {
        for _ in 0..count {
            let hint = Response::builder().status(103).header("link", "</a>").body(()).unwrap();
            respond.send_informational(hint).unwrap();
        }
        if answers {
            respond.send_response(Response::new(()), true).unwrap();
        } else {
            std::future::pending::<()>().await;
        }
    })
}

#[test]
fn interim_answers_over_http_2_are_left_out() {
    let mut shape = Shape::to(hints_over_two(bounds::INTERIM, true));
    shape.http = UpstreamHttp::Two;
    let world = World::start(&shape);
    let mut client = world.connect();
    for _ in 0..2 {
        client.send(GET);
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("link")), (200, None));
    }
}

#[test]
fn interim_answers_over_http_2_are_no_answer() {
    let mut shape = Shape::to(hints_over_two(10_000, false));
    shape.http = UpstreamHttp::Two;
    shape.deadlines.first_byte = Duration::from_millis(300);
    let world = World::start(&shape);
    assert_eq!(world.call(GET).status, 504);
}
