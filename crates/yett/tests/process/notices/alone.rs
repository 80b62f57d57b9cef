//! Two gateways on one data directory.

use super::*;

#[test]
fn a_second_gateway_on_a_data_directory_opens_nothing_in_it() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    house.write("first.yaml", house.read("yett.yaml").split("notify:").next().unwrap());
    let mut gateway = Gateway::start_with(&house, &["--config", "first.yaml"]);
    let said = house.bad(&["run", "--cores", "1"]);
    assert!(said.contains("another gateway uses this data directory"), "{said}");
    assert!(!house.path("data/notices.db").exists(), "the spool is the first one's to make");
    gateway.signal("TERM");
    gateway.line("draining");
    assert_eq!(gateway.end(), 0);
    // A document that is not served leaves nothing in the way.
    house.write("wrong.yaml", &house.read("yett.yaml").replace("soc:", "soc: { what: 1 }\n    s:"));
    house.bad(&["run", "--cores", "1", "--config", "wrong.yaml"]);
    assert!(!house.path("data/yett.sock").exists());
    let gateway = Gateway::start(&house);
    let id = refused(&gateway, "/nowhere");
    assert_eq!(receiver.wait_for(1)[0].id, id);
}
