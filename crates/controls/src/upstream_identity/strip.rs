//! What is taken out of a call before it goes on: what the contract calls a credential, and whatever a service could take for a field
//! of ours.

use engine::Call;
use http::header::{AUTHORIZATION, HeaderName};
use smallvec::SmallVec;

use crate::security::Where;
use crate::security::find::remove;

/// Takes out credentials, verified or not. A proof of possession went with what authentication and forwarding removed. Whoever has
/// proven something by `Authorization` may be asked again while their stream is open, so that it is kept beside.
pub(super) fn take_out(call: &mut Call, places: &[Where]) {
    let presented = call.request.headers.remove(AUTHORIZATION);
    call.presented = presented.filter(|_| !call.proofs.is_empty());
    for place in places {
        remove(call, place);
    }
}

/// Takes out every field that some reader makes one variable of with this name: CGI, WSGI and Rack take `_` for `-`.
pub(super) fn spellings(call: &mut Call, name: &HeaderName) {
    let same = |known: &&HeaderName| {
        let (known, name) = (known.as_str().as_bytes(), name.as_str().as_bytes());
        known.len() == name.len()
            && known.iter().zip(name).all(|(one, other)| one == other || *one == b'_' && *other == b'-')
    };
    let found: SmallVec<[HeaderName; 2]> = call.request.headers.keys().filter(same).cloned().collect();
    for name in found {
        call.request.headers.remove(name);
    }
}
