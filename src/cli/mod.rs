//! The front doors: run, diagnose, capture, causes, crd.

pub mod pages;
pub mod run;

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
    /// Print the CustomResourceDefinition
    Crd,
}

/// Parses the command line, runs the command, and says how it went: 0 done, 2 unusable input, 1 anything else.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::main(&args),
        Command::Crd => crd(),
    };
    match result {
        Ok(code) => code,
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
