//! The container could not be created or started: kubelet and runtime say why.

pub mod config;
pub mod exec;
pub mod hook;
pub mod host_port;
pub mod image;
mod mount;
mod pull_secret;
mod reference;
mod shapes;
pub mod user;

#[cfg(test)]
mod exec_tests;
#[cfg(test)]
mod image_tests;
