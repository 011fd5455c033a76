//! The front doors: run, diagnose, capture, causes, crd.

mod answer;
mod bundle_dir;
pub mod capture;
pub mod causes;
mod cluster;
pub mod diagnose;
mod input;
mod live;
pub mod pages;
pub mod run;
mod signatures;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why containers crash in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "crash-diagnosis", version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The operator: watch all pods, write a CrashDiagnosis, Events and metrics for each crash loop
    Run(Box<run::Args>),
    /// Say why containers crash, from files or from the cluster of the kubeconfig
    Diagnose(Box<diagnose::Args>),
    /// Write a redacted bundle of one pod, which `diagnose -f` reads
    Capture(capture::Args),
    /// List what can be diagnosed, or explain one reason in full
    Causes(causes::Args),
    /// Print the CustomResourceDefinition
    Crd,
}

/// Parses the command line, runs the command, and says how it went: 0 done, 2 unusable input, 1 anything else.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::main(&args),
        Command::Diagnose(args) => diagnose::main(&args),
        Command::Capture(args) => capture::main(&args),
        Command::Causes(args) => causes::main(&args),
        Command::Crd => crd(),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crash-diagnosis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn crd() -> anyhow::Result<ExitCode> {
    print!("{}", crate::api::crd_yaml()?);
    Ok(ExitCode::SUCCESS)
}

/// Whoever read our output has seen enough (`| head`): that is a success.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| {
        let io = e.downcast_ref::<std::io::Error>();
        let json = e.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.map(std::io::Error::kind).or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}
