//! crash-diagnosis: why containers crash in Kubernetes.
//!
//! ```text
//! API server -> watch -> collect -> evidence -> diagnose -> report -> CrashDiagnosis, Event, metrics
//!      files ------------------> evidence -> diagnose -> cli: table, json, yaml
//! ```

pub mod api;
pub mod cli;
pub mod collect;
pub mod diagnose;
pub mod evidence;
pub mod health;
pub mod operator;
pub mod report;
pub mod telemetry;
pub mod watch;
