//! Writes what was found: the CrashDiagnosis, Events, metrics.

pub mod resource;
