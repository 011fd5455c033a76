//! The container could not be created or started: kubelet and runtime say why.

pub mod exec;
pub mod hook;
pub mod user;
