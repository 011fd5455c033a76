//! Writes what was found: the CrashDiagnosis, Events, metrics.

pub mod apply;
pub mod event;
pub mod metrics;
pub mod name;
pub mod resource;
