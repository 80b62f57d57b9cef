//! The words and the law of a call: what a control is, what it may say, in which order controls speak, and what is kept
//! of their verdicts.
//!
//! Everything here is plain data and pure functions. The engine knows no socket, no runtime, no serialization and no
//! control by name: the proxy hands it calls, the controls hand it verdicts, and `yett test` can run the same pipeline
//! without a network.
//!
//! Start reading at [`pipeline`]: it is the life of a call.

pub mod bounds;
pub mod calendar;
pub mod call;
pub mod carried;
pub mod cells;
pub mod clock;
pub mod codes;
pub mod control;
pub mod decision;
pub mod digest;
pub mod evidence;
pub mod fetch;
pub mod keyed;
pub mod listener;
pub mod path;
pub mod peer;
pub mod pipeline;
pub mod plan;
pub mod principal;
pub mod problem;
pub mod record;
pub mod replay;
pub mod room;
pub mod route;
pub mod shadow;
pub mod shedding;
pub mod signal;
pub mod snapshot;
pub mod text;
pub mod trace;
pub mod upstream;
pub mod verdict;
pub mod websocket;
pub mod withdrawn;

pub use call::{Body, Call, CallId, Request, Response};
pub use carried::Carried;
pub use clock::{Clock, Tick, UnixTime};
pub use codes::{Blame, Code};
pub use control::{Attached, Control, CoreContext, Needs, Step};
pub use decision::{Decision, Outcome, Recorded};
pub use evidence::{Evidence, Kept};
pub use peer::Peer;
pub use plan::{BodyMode, Mode, OperationPlan, PlannedStep, ResponseMode, Stage};
pub use principal::{Principal, ScopeSet};
pub use room::{Room, Share};
pub use shadow::{Part, ShadowCount};
pub use snapshot::{CoreSnapshot, Snapshot};
pub use verdict::{Answer, Refusal, Verdict};
pub use withdrawn::Withdrawn;

/// A boxed future that may cross threads, as the side runtime wants it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A boxed future that stays on its core.
pub type LocalFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + 'a>>;
