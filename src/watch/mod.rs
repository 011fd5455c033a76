//! See docs/architecture.md.

pub mod detect;
pub mod group;
mod stuck;
