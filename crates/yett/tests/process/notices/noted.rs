//! The first use of an administrative operation by somebody is told of once, also over restarts.

use super::*;

/// A house in which all that is read is for administrators.
fn administrative(service: &Service, receiver: &Receiver) -> House {
    let house = house(service, &hook(receiver), SOON);
    let rule = "{ administrative: true, require: { roles: [admin] } }";
    let own = house.read("yett.yaml").replace(
        "    issuer: local\n",
        &format!("    issuer: local\n    operations: {{ listNotes: {{ authorization: {rule} }} }}\n"),
    );
    house.write("yett.yaml", &own);
    house
}

fn token(house: &House, subject: &str) -> String {
    let arguments = ["token", "--subject", subject, "--scope", "notes:read", "--role", "admin"];
    house.good(&arguments).trim().to_owned()
}

fn read(gateway: &Gateway, token: &str) -> u16 {
    call(&gateway.url, "GET", "/notes", Some(token), None).0
}

/// Of whose first use a receiver was told, in that order.
fn told(all: &[Taken]) -> Vec<&str> {
    all.iter()
        .map(|taken| {
            assert_eq!(
                (&taken.event["type"], &taken.event["severity"]),
                (&json!("yett.call.noted"), &json!("notice"))
            );
            taken.event["data"]["subject"].as_str().unwrap()
        })
        .collect()
}

#[test]
fn a_first_use_is_told_of_once_also_by_the_next_process() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = administrative(&service, &receiver);
    let gateway = Gateway::start(&house);
    let (ada, bob, eve) = (token(&house, "ada"), token(&house, "bob"), token(&house, "eve"));
    for who in [&ada, &ada, &bob, &ada] {
        assert_eq!(read(&gateway, who), 200);
    }
    let mut first = receiver.wait_for(2);
    first.sort_by_key(|taken| taken.event["data"]["subject"].to_string());
    assert_eq!(told(&first), ["ada", "bob"]);
    let noted = || house.good(&["events", "--json", "--outcome", "noted"]).lines().count();
    assert_eq!(noted(), 2);
    // What is asked of the store has waited for what was queued before: it knows both by now.
    gateway.kill();
    let gateway = Gateway::start(&house);
    assert_eq!(noted(), 2, "and the store is open");
    for who in [&ada, &bob, &eve] {
        assert_eq!(read(&gateway, who), 200);
    }
    assert_eq!(told(&receiver.wait_for(3)[2..]), ["eve"]);
    assert_eq!(noted(), 3);
    // Without the store nobody remembers: it is told of once more rather than never.
    gateway.signal("TERM");
    gateway.end();
    let own = house.read("yett.yaml").replace("decisions: { sample: 0% }", "decisions: { enabled: false }");
    house.write("yett.yaml", &own);
    let gateway = Gateway::start(&house);
    assert_eq!((read(&gateway, &ada), read(&gateway, &ada)), (200, 200));
    assert_eq!(told(&receiver.wait_for(4)[3..]), ["ada"]);
    assert_eq!((receiver.taken().len(), service.count()), (4, 9));
}
