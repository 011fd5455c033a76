//! Notices crashes: slim pods, the pure detector, the stream.

pub mod detect;
mod failed;
pub mod group;
mod restart;
pub mod slim;
pub mod stream;
mod stuck;
