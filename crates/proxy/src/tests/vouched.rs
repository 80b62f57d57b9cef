//! What vouches for calls to an upstream sees each as it is sent, and what it cannot vouch for is not sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::Clock;
use engine::upstream::{Rewrites, SentHead, Sign, Upstream, UpstreamHttp};
use http::{HeaderName, HeaderValue};
use testkit::Recorder;

use super::balance::target;
use super::world::{Shape, World};

const CALL: &str = "POST /v1/a?b=c HTTP/1.1\r\nhost: a\r\nx-a: 1\r\nx-a: 2\r\nx-b: 3\r\nx-set: client\r\nx-vouched: client\r\n\
                    content-type: text/plain\r\ncontent-length: 2\r\n\r\nhi";

/// Writes down what it saw; from the second call on it cannot.
#[derive(Debug)]
struct Stamp {
    fields: [HeaderName; 3],
    calls: AtomicUsize,
}

impl Sign for Stamp {
    fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    fn sign(&self, head: &SentHead<'_>, _: &dyn Clock) -> Option<Vec<(HeaderName, HeaderValue)>> {
        if self.calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return None;
        }
        let of = |name: &HeaderName| {
            let values = head.fields.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            format!("{name}={}", values.collect::<Vec<_>>().join("+"))
        };
        let fields: Vec<String> = self.fields.iter().map(of).collect();
        let authority = head.authority.to_str().unwrap();
        let text = format!("{} {} {authority} {} {}", head.method, head.tls, head.target, fields.join(" "));
        assert!(head.fields.keys().all(|name| self.fields.contains(name)), "others are none of its business");
        Some(vec![(HeaderName::from_static("x-vouched"), text.parse().unwrap())])
    }
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

#[test]
fn calls_are_vouched_for_as_they_are_sent_or_not_sent() {
    for http in [UpstreamHttp::One, UpstreamHttp::Two] {
        let service = Recorder::start();
        // Over HTTP/2 to a gateway of its own, which leaves the fields alone.
        let between = World::start(&Shape::to(service.address()));
        let address = if http == UpstreamHttp::Two { between.address } else { service.address() };
        let mut shape = Shape::to(address);
        let mut upstream = Upstream::new("test", vec![target(address, 1)], shape.deadlines);
        upstream.http = http;
        upstream.headers = Rewrites {
            without: Box::new([name("x-set"), name("x-vouched")]),
            set: Box::new([(name("x-set"), HeaderValue::from_static("gateway"))]),
        };
        let fields = [name("x-a"), name("x-set"), name("x-none")];
        upstream.sign = Some(Arc::new(Stamp { fields, calls: AtomicUsize::new(0) }));
        shape.behind = Some(Arc::new(upstream));
        let world = World::start(&shape);
        assert_eq!(world.call(CALL).status, 200, "{http:?}");
        let seen = service.last();
        let said: Vec<&str> = seen.head.all("x-vouched").collect();
        let expected = "POST false orders.internal /v1/a?b=c x-a=1+2 x-set=gateway x-none=";
        assert_eq!(said, [expected], "{http:?}");
        assert_eq!(seen.body, b"hi");
        // The next one it cannot vouch for.
        assert_eq!(world.call(CALL).status, 500, "{http:?}");
        assert_eq!(service.count(), 1, "nothing of it was sent");
        assert_eq!(world.tape.calls(2)[1].code, "control_failed");
    }
}
