//! A build without the engine: no policy is read, so that no call can be said to be permitted by one.

use crate::names::{Shape, Vocabulary, Wants};
use crate::{Decision, Facts, Fault, Source, Told};

/// What no build without the engine has.
#[derive(Debug)]
enum Nothing {}

/// Policies. There are none in this build.
#[derive(Debug)]
pub struct Book(Nothing);

impl Book {
    /// Refuses: this build reads no policies.
    ///
    /// # Errors
    /// Always.
    pub fn read(_: &[Source<'_>], _: Vocabulary) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let message = "this build of `yett` has no policies in Cedar";
        let help = "use a release, or build it with `--features cedar`";
        Err(vec![Fault::error(0, None, message).help(help)])
    }

    /// Those of one operation.
    #[must_use]
    pub fn slice(&self, _: &str, _: &Shape) -> (Slice, Vec<Fault>) {
        match self.0 {}
    }
}

/// Policies of one operation. There are none in this build.
#[derive(Debug)]
pub struct Slice(Nothing);

impl Slice {
    /// What of a call they read.
    #[must_use]
    pub fn wants(&self) -> &Wants {
        match self.0 {}
    }

    /// Whether one of them reads this attribute of the resource.
    #[must_use]
    pub fn reads(&self, _: &str) -> bool {
        match self.0 {}
    }

    /// Whether one of them permits anything.
    #[must_use]
    pub fn permits(&self) -> bool {
        match self.0 {}
    }

    /// The policies.
    pub fn policies(&self) -> impl Iterator<Item = Told<'_>> {
        std::iter::from_fn(|| -> Option<Told<'_>> { match self.0 {} })
    }

    /// What they say of a call.
    #[must_use]
    pub fn decide(&self, _: &Facts<'_>) -> Decision<'_> {
        match self.0 {}
    }
}
