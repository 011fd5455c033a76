//! Notices crashes: slim pods, the pure detector, the stream.

pub mod detect;
pub mod group;
pub mod slim;
pub mod stream;
mod stuck;
