//! What a core does from time to time, beside its calls, and at its end.

use std::rc::Rc;
use std::time::Duration;

use engine::bounds::Bound;
use engine::record::ConnectionEvent;

use crate::connection::LAST_CALL;
use crate::core::Core;

/// How often a core looks after what is idle.
const SWEEP: Duration = Duration::from_secs(1);
/// How often it looks for connections to park: what all hold that came meanwhile is held at once.
const PARK: Duration = Duration::from_millis(200);
/// How often it looks how late it is.
const BEAT: Duration = Duration::from_millis(50);
/// Bytes of a block that has pages of its own.
const UNUSED: usize = 16 << 20;
/// How often it is looked, at the end, whether all have gone.
const LOOK: Duration = Duration::from_millis(10);

/// Tells connections that are idle to hold no more than they must.
pub(crate) async fn park(core: Rc<Core>) {
    loop {
        tokio::time::sleep(PARK).await;
        let now = core.clock.now();
        for _ in core.conns.all().iter().filter(|conn| conn.park(now)) {
            core.recorder.connection(ConnectionEvent::Parked);
        }
    }
}

/// Looks after what nobody waits for: kept connections, streams whose time is over, and what was counted where nobody could tell.
pub(crate) async fn sweep(core: Rc<Core>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let now = core.clock.now();
        give_back();
        core.pool.sweep(now);
        core.recorder.bounds(Bound::Cells, core.context.cells.take_crowded());
        for stream in core.streams.all() {
            stream.sweep(now);
        }
    }
}

/// Listens to how late the core is with what is ready.
pub(crate) async fn listen(core: Rc<Core>) {
    loop {
        let due = core.clock.now().after(BEAT);
        tokio::time::sleep(BEAT).await;
        let now = core.clock.now();
        let rules = core.current.borrow().snapshot().shedding;
        core.shed.note(now.since(due), now, rules);
    }
}

/// Lets the allocator give to the system what a core has freed and does not use. mimalloc looks for that when a block is freed
/// that has pages of its own, and not before it has lain for a second: a core that has become idle frees no such block. This one
/// is never written to, and takes no memory.
fn give_back() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(UNUSED)));
}

/// Lets calls in flight end within `time`, and connections that carry none begin a last one.
pub(crate) async fn drain(core: &Core, time: Duration) {
    let began = core.clock.now();
    let (end, last) = (began.after(time), began.after(LAST_CALL));
    loop {
        // Connections may still come out of their handshake, or not have said anything yet.
        for conn in core.conns.all() {
            if !conn.is_closing() {
                conn.close();
            }
        }
        for stream in core.streams.all() {
            stream.drain();
        }
        let now = core.clock.now();
        let coming = core.siblings.open() > 0 && now < last;
        if now >= end || (core.conns.len() == 0 && core.sampling.get() == 0 && !coming) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
