//! A contract from a URL, by the one way out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{Fetch, FetchError, FetchRequest, Reach};

use crate::clock::SystemClock;

/// Fetches a contract: bounded in size and time, without following redirects.
pub(super) fn fetch(url: &str) -> Result<Bytes, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let client = outbound::Client::new(Arc::new(SystemClock), &[]).map_err(|error| error.to_string())?;
    let mut request = FetchRequest::get(url, Reach::Operator);
    request.max_bytes = contract::MAX_FILE;
    request.deadline = Duration::from_secs(60);
    let answer = runtime.block_on(client.fetch(request)).map_err(|error| match error {
        FetchError::TooLarge => {
            format!(
                "`{url}` is longer than {} MiB, the most that a contract may be",
                contract::MAX_FILE >> 20
            )
        }
        error => format!("`{url}`: {error}"),
    })?;
    if answer.status.is_redirection() {
        let target = answer
            .headers
            .get(http::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("elsewhere");
        return Err(format!("`{url}` redirects to `{}`: use that URL", target.escape_debug()));
    }
    if !answer.status.is_success() {
        return Err(format!("`{url}` answered {}", answer.status));
    }
    Ok(answer.body)
}
