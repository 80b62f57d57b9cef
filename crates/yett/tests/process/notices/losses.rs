//! A kill in the middle, a disk that is full, a spool that is: what is lost is what is said to be.

use super::*;

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_spooled() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let (mut gateway, mut owed) = (Gateway::start(&house), 0);
    let paths = |round: usize| [0, 1].map(|flood| format!("round-{round}-{flood}"));
    for round in 0..4 {
        let address = gateway.url.clone();
        let floods = paths(round).map(|path| {
            let address = address.clone();
            std::thread::spawn(move || burst(&address, &Caller::Stranger(path), 5_000))
        });
        if round % 2 == 0 {
            receiver.is_down();
        }
        let spooled = || gateway.metric("yett_events_spooled_total", "") as usize;
        assert!(until(60, || (spooled() > 300).then_some(())).is_some(), "{} are on the disk", spooled());
        owed += spooled();
        assert_eq!(gateway.metric("yett_events_lost_total", "").to_string(), "0", "there was room for all");
        gateway.kill();
        floods.into_iter().for_each(|flood| flood.join().unwrap());
        receiver.is_up();
        gateway = Gateway::start(&house);
        // What came after the number was read is there too.
        let empty = || waiting(&gateway) == 0;
        let distinct = || receiver.taken().iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>().len();
        assert!(
            until(120, || (distinct() >= owed && empty()).then_some(())).is_some(),
            "{} of {owed}",
            distinct()
        );
        owed = distinct();
        // What is spooled is the beginning of what was refused: none is missing before another that is there.
        let mut some = false;
        for path in paths(round) {
            let prefix = format!("/{path}/");
            let number =
                |one: &Taken| one.event["data"]["path"].as_str()?.strip_prefix(&prefix)?.parse().ok();
            let told: BTreeSet<usize> = receiver.taken().iter().filter_map(number).collect();
            assert!(told.iter().copied().eq(0..told.len()), "{path}: gaps in {told:?}");
            some |= !told.is_empty();
        }
        assert!(some);
    }
    // Whatever came twice is marked the second time.
    let mut seen = BTreeSet::new();
    for one in receiver.taken() {
        assert!(seen.insert(one.id.clone()) || one.repeated, "{} came again without a mark", one.id);
    }
    // An orderly end is no reason to send anything again.
    let count = receiver.taken().len();
    receiver.is_down();
    let id = refused(&gateway, "/last");
    assert!(until(30, || (waiting(&gateway) == 1).then_some(())).is_some());
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    receiver.is_up();
    let _gateway = Gateway::start(&house);
    let last = receiver.wait_for(count + 1);
    assert_eq!((last.len(), &*last[count].id), (count + 1, &*id));
}

#[test]
fn a_full_disk_stops_no_call_and_what_is_lost_is_said() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), SOON);
    let off =
        house.read("yett.yaml").replace("file:access.log", "off").replace("sample: 0%", "enabled: false");
    house.write("yett.yaml", &off);
    receiver.is_down();
    // No file of this process may be longer than 400 KiB: the system says no as it does on a full disk.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 800; exec \"$0\" run --cores 1", env!("CARGO_BIN_EXE_yett")])
        .current_dir(house.dir.path())
        .env("NO_COLOR", "1");
    let gateway = Gateway::from_command(command);
    let first = refused(&gateway, "/first");
    assert!(until(30, || (gateway.metric("yett_events_spooled_total", "") == 1.0).then_some(())).is_some());
    let lost = until(120, || {
        burst(&gateway.url, &Caller::nowhere(), 4_000);
        (gateway.metric("yett_events_lost_total", "disk_full") > 0.0).then_some(())
    });
    assert!(lost.is_some(), "{}", ready(&gateway));
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 200, "calls go on");
    assert_eq!(ready(&gateway)["notices"]["ok"], json!(false));
    gateway.kill();
    // With room again, what was spooled is delivered, and more is.
    receiver.is_up();
    let gateway = Gateway::start(&house);
    let last = refused(&gateway, "/last");
    let came = |id: &str| until(120, || receiver.taken().iter().any(|one| one.id == id).then_some(()));
    assert!(came(&first).is_some() && came(&last).is_some());
}

#[test]
fn more_than_may_wait_is_lost_and_counted() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), &format!("{SOON}, size: 1MiB"));
    let gateway = Gateway::start(&house);
    receiver.is_down();
    burst(&gateway.url, &Caller::nowhere(), 3_000);
    let lost = || gateway.metric("yett_events_lost_total", "spool_full");
    assert!(until(60, || (lost() > 0.0).then_some(())).is_some());
    assert!(gateway.metric("yett_events_waiting_bytes", "soc") <= 1_048_576.0);
    receiver.is_up();
    assert!(until(60, || (waiting(&gateway) == 0).then_some(())).is_some());
    let all = receiver.taken();
    assert_eq!(all.len() as f64 + lost(), 3_000.0, "nobody is told less than is counted");
}
