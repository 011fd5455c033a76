//! Kubernetes objects and log bytes -> facts. Pure, and the door where text becomes harmless: redacted, bounded,
//! free of control characters. Quirks of Kubernetes versions stop here.

mod builder;
pub mod config;
pub mod container;
pub mod event;
pub mod harmless;
pub mod logs;
pub mod newest;
pub mod node;
mod owners;
pub mod pod;
pub mod pod_volume;
pub mod quantity;
pub mod redact;
pub mod service;
mod template;
pub mod text;
pub mod volume;
pub mod workload;

pub use builder::ClusterBuilder;
pub use logs::LogKey;
pub use owners::Owners;
