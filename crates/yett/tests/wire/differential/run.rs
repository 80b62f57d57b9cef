//! Puts messages to the gateway, and judges what came of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use testkit::{Naive, RawClient, Recorder, until};

use crate::plane::Plane;
use crate::strict::{self, Arrived, Stream};

/// What must come of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It never arrives whole.
    Refused,
    /// It may arrive, strict and stripped of what must not; or it is refused.
    Clean,
    /// It is answered with 200 and arrives.
    Passes,
}

/// A message, or several in a row, on a connection of their own.
#[derive(Debug, Clone)]
pub(crate) struct Hostile {
    pub(crate) class: &'static str,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expect: Expect,
    /// How many answers to wait for.
    pub(crate) replies: usize,
    /// Statuses of the answers that came.
    pub(crate) statuses: Vec<u16>,
}

/// How long no answer may come before the client says that it has sent all it has.
const PATIENCE: Duration = Duration::from_millis(250);

/// Classes in which it is in doubt where a message ends: whatever stands behind its refusal is no request.
const DOUBTFUL: [&str; 9] =
    ["line ends", "obs-fold", "spaces", "controls", "names", "lengths", "codings", "chunks", "versions"];
const BEHIND: &str = "GET /m/smuggled HTTP/1.1\r\nHost: files.test\r\n\r\n";

impl Hostile {
    fn is_doubtful(&self) -> bool {
        self.expect == Expect::Refused && DOUBTFUL.contains(&self.class)
    }
}

/// What came of a message.
struct Put {
    statuses: Vec<u16>,
    /// Whether the connection ended when more came behind the refusal; `None` where nothing was sent behind it.
    ended: Option<bool>,
}

fn put(address: SocketAddr, message: &Hostile) -> Put {
    let mut client = RawClient::connect(address);
    // The other side may refuse and close before it has all.
    let _ = client.send(&message.bytes);
    client.patience(PATIENCE);
    let (mut statuses, mut finished) = (Vec::new(), false);
    while statuses.len() < message.replies {
        match client.reply() {
            Ok(reply) => statuses.push(reply.status),
            Err(error)
                if !finished
                    && matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
            {
                finished = true;
                client.finish();
                client.patience(Duration::from_secs(20));
            }
            Err(_) => break,
        }
    }
    // Who has said that nothing more will come cannot press on.
    let ended = (message.is_doubtful() && !finished).then(|| {
        let _ = client.send(BEHIND);
        client.patience(Duration::from_secs(20));
        client.is_closed()
    });
    Put { statuses, ended }
}

/// Sends all, each on its connection, eight at a time.
pub(crate) fn put_all(address: SocketAddr, messages: &[Hostile]) {
    let lanes: Vec<(Vec<String>, BTreeSet<&str>)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..8)
            .map(|lane| {
                scope.spawn(move || {
                    let (mut wrong, mut pressed) = (Vec::new(), BTreeSet::new());
                    for message in messages.iter().skip(lane).step_by(8) {
                        let Put { statuses, ended } = put(address, message);
                        if ended.is_some() {
                            pressed.insert(message.class);
                        }
                        if ended == Some(false) {
                            let name = &message.name;
                            wrong.push(format!("{}: {name}: the connection goes on", message.class));
                        }
                        let good = match message.expect {
                            Expect::Passes => statuses == vec![200; message.replies],
                            _ => statuses
                                .iter()
                                .all(|status| *status < 500 || *status == 501 || *status == 505),
                        };
                        if !good {
                            wrong.push(format!("{}: {}: {statuses:?}", message.class, message.name));
                        }
                    }
                    (wrong, pressed)
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let (wrong, pressed): (Vec<Vec<String>>, Vec<BTreeSet<&str>>) = lanes.into_iter().unzip();
    let wrong = wrong.concat();
    let pressed: BTreeSet<&str> = pressed.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} answered wrongly:\n{}", wrong.len(), wrong.join("\n"));
    let doubtful = messages.iter().filter(|message| message.is_doubtful());
    let doubtful: BTreeSet<&str> = doubtful.map(|message| message.class).collect();
    assert_eq!(pressed, doubtful, "in each of these classes more is sent behind a refusal");
}

/// The number of a message by its target; `None` for what no message is meant to call.
fn number_of(call: &Arrived) -> Option<usize> {
    let rest = call.target.strip_prefix("/m/").or(call.target.strip_prefix("/j/"))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Judges all that arrived.
pub(crate) fn verdict(plane: &Plane, recorder: &Recorder, messages: &[Hostile]) {
    let authority = recorder.address().to_string();
    let streams: Vec<Stream> =
        recorder.streams().iter().map(|bytes| strict::read(bytes, &authority)).collect();
    let mut wrong: Vec<String> = streams.iter().flat_map(|stream| stream.faults.clone()).collect();
    let arrived: Vec<&Arrived> = streams.iter().flat_map(|stream| &stream.calls).collect();
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    // What stands in front of a frame that ends its connection is a request like any other, and may have been served by then.
    let ends = messages.iter().any(|message| message.class == "broken connections");
    for call in arrived.iter().filter(|call| !ends || call.target != "/m/1") {
        match number_of(call).filter(|number| *number < messages.len()) {
            Some(number) => *times.entry(number).or_default() += 1,
            None => wrong.push(format!("arrived: {} {}", call.method, call.target)),
        }
    }
    for (number, message) in messages.iter().enumerate() {
        let came = times.get(&number).copied().unwrap_or(0);
        let good = match message.expect {
            Expect::Refused => came == 0,
            Expect::Clean => came <= 1,
            Expect::Passes => came == message.replies,
        };
        if !good {
            wrong.push(format!("{}: {}: arrived {came} times", message.class, message.name));
        }
    }
    wrong.extend(digests(plane, &arrived));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every call that arrived is a decision of its own, and was checked as it arrived.
fn digests(plane: &Plane, arrived: &[&Arrived]) -> Vec<String> {
    // An answer is told just before its call is recorded.
    let kept = |trace| plane.notes.calls().into_iter().find(|kept| Some(kept.trace) == trace);
    let mut seen: HashMap<u128, usize> = HashMap::new();
    let known: HashMap<u128, crate::plane::Kept> =
        plane.notes.calls().into_iter().map(|kept| (kept.trace, kept)).collect();
    let mut wrong = Vec::new();
    for call in arrived {
        let Some(trace) = call.trace() else {
            wrong.push(format!("{} {} has no trace", call.method, call.target));
            continue;
        };
        *seen.entry(trace).or_default() += 1;
        let decision = known.get(&trace).cloned().or_else(|| until(5, || kept(Some(trace))));
        let digest = decision.as_ref().and_then(|decision| decision.digest);
        if digest != Some(call.digest()) {
            wrong
                .push(format!("{} {} was not checked as it arrived: {decision:?}", call.method, call.target));
        }
    }
    wrong.extend(
        seen.iter().filter(|(_, count)| **count > 1).map(|(trace, _)| format!("{trace:x} arrived twice")),
    );
    wrong
}

/// Whether what a proxy passed is wrong: not strict, not to be passed, or cut off.
pub(crate) fn is_wrong(bytes: &[u8]) -> bool {
    let stream = ["files.test", "api.test"].map(|host| strict::read(bytes, host));
    stream.iter().all(|stream| {
        let smuggled = stream.calls.iter().any(|call| call.target.contains("smuggled"));
        !stream.faults.is_empty() || stream.broke_off || smuggled
    })
}

/// Puts every message to a proxy that checks nothing: all must get through, and in each class most must be judged wrong,
/// or the class proves nothing.
pub(crate) fn judge_naive(messages: &[Hostile]) {
    let classes = classes(messages.iter().map(|message| message.class).zip(messages));
    let missed: Vec<String> = std::thread::scope(|scope| {
        let each = classes.iter().map(|(class, messages)| scope.spawn(|| naive_class(class, messages)));
        let each: Vec<_> = each.collect();
        each.into_iter().flat_map(|class| class.join().unwrap()).collect()
    });
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What comes under one name, together.
pub(crate) fn classes<T>(named: impl Iterator<Item = (&'static str, T)>) -> BTreeMap<&'static str, Vec<T>> {
    let mut classes: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for (class, message) in named {
        classes.entry(class).or_default().push(message);
    }
    classes
}

fn naive_class(class: &str, messages: &[&Hostile]) -> Vec<String> {
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    let mut clients = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let mut client = RawClient::connect(naive.address());
        client.send(&message.bytes).unwrap();
        client.finish();
        clients.push(client);
        let all = until(10, || {
            let streams = recorder.streams();
            streams.get(index).filter(|bytes| bytes.len() >= message.bytes.len().min(1024)).map(|_| ())
        });
        if all.is_none() {
            return vec![format!("{class}: {} does not get through a naive proxy", message.name)];
        }
    }
    let judged = recorder.streams().iter().filter(|bytes| is_wrong(bytes)).count();
    if judged * 2 <= messages.len() {
        return vec![format!(
            "{class}: only {judged} of {} are judged wrong behind a naive proxy",
            messages.len()
        )];
    }
    Vec::new()
}
