//! The vocabulary the engine reasons in: what is known about a cluster, in plain data.
//!
//! Everything here is *redacted and bounded already* (see `evidence`): a rule may quote any text it finds.
//! Quirks of Kubernetes versions stop before this point; a field says what it means, not how the API spells it.

mod cluster;
mod container;
mod objects;
mod pod;
mod restart;

pub use cluster::*;
pub use container::*;
pub use objects::*;
pub use pod::*;
pub use restart::*;

/// A point in time. Always an argument, never the clock.
pub use jiff::Timestamp;

/// Whole seconds from `start` to `end`; `None` when the order is wrong (clock skew, or a start time never written).
pub fn seconds_between(start: Timestamp, end: Timestamp) -> Option<i64> {
    let seconds = end.as_second() - start.as_second();
    (seconds >= 0).then_some(seconds)
}
