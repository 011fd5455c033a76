//! The operator's heart: which incidents there are, what becomes of them, and who does the work.

pub mod incident;
pub mod sighting;
