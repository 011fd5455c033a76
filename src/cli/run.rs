//! `crash-diagnosis run`: the composition root of the operator.

use std::process::ExitCode;

use clap::Args as ClapArgs;

/// Flags of `run`; each can be given as an environment variable as well.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Address of /metrics, /healthz and /readyz
    #[arg(long, env = "CRASH_DIAGNOSIS_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDR:PORT")]
    pub listen: std::net::SocketAddr,
}

/// Runs the operator until it is told to stop.
pub fn main(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
