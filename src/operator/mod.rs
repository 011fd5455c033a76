//! The operator's heart: which incidents there are, what becomes of them, and who does the work.
//!
//! ```text
//! pods ----> desk -- Job --> work --> API server
//! clock -->   ^                |
//!             +----- Done -----+
//! ```
//!
//! The desk alone holds state, and never waits; work alone talks to the API server, and holds none.

pub mod backoff;
pub mod book;
pub mod desk;
pub mod earlier;
pub mod elect;
pub mod ending;
pub mod entry;
pub mod incident;
#[cfg(test)]
mod incident_tests;
pub mod lead;
#[cfg(test)]
mod life_tests;
pub mod owners;
pub mod pulse;
pub mod rights;
pub mod sighting;
pub mod suspects;
pub mod work;
