//! One gateway to a data directory: whoever listens on its control socket is the only one that uses what is in it.
//!
//! The socket is taken before anything in the directory is opened. Two gateways that had the spool open would both deliver what
//! waits in it, and the second would say of the first's deliveries that nobody knows what came of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use manage_api::Handler;
use tokio::net::UnixListener;

use super::data;
use crate::commands::socket;

/// A data directory that no other gateway uses, until this is dropped.
pub(super) struct Alone {
    path: PathBuf,
    control: Option<UnixListener>,
}

impl Alone {
    /// Makes the directory ready and takes it. Must run inside a runtime.
    ///
    /// # Errors
    /// That another gateway has it, or what else is wrong with it, as one line.
    pub(super) fn take(data: &Path) -> Result<Self, String> {
        data::prepare(data)?;
        let path = socket(data);
        let control = manage_api::bind(&path)
            .map_err(|error| format!("the control socket `{}` cannot be opened: {error}", path.display()))?;
        Ok(Self { path, control: Some(control) })
    }

    /// Answers who asks on the socket from now on.
    pub(super) fn serve(&mut self, handler: Arc<dyn Handler>) {
        if let Some(control) = self.control.take() {
            tokio::spawn(manage_api::serve(control, handler));
        }
    }
}

impl Drop for Alone {
    /// While it still listens: afterwards the socket may be another's.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
