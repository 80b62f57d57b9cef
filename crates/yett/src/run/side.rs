//! The side runtime as the engine knows it.

use std::fmt;

use engine::BoxFuture;
use engine::fetch::Spawn;
use tokio::runtime::Handle;

/// Starts work on the side runtime.
pub(super) struct Side(pub(super) Handle);

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Side")
    }
}

impl Spawn for Side {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}
