//! The front doors: run, diagnose, capture, causes, crd.

mod answer;
mod bundle_dir;
pub mod capture;
pub mod causes;
mod cluster;
pub mod diagnose;
mod input;
mod live;
mod overview;
pub mod pages;
pub mod run;
mod signatures;
mod table;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Why containers crash in Kubernetes
#[derive(Debug, Parser)]
#[command(name = "crash-diagnosis", version, about, max_term_width = 100)]
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

/// The name under which kubectl finds its plugin `kubectl crash-diagnosis`: it looks for underscores where a word has dashes.
const PLUGIN: &str = "kubectl-crash_diagnosis";

/// The command line, called by the name by which the user called it.
fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let called = args.first().map(Path::new).and_then(Path::file_stem);
    let mut command = Cli::command();
    if called.is_some_and(|name| name == PLUGIN) {
        command = command.bin_name("kubectl crash-diagnosis");
    }
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

/// Parses the command line, runs the command, and says how it went: 0 done, 2 unusable input, 1 anything else.
pub fn main() -> ExitCode {
    let cli = match parse(&std::env::args_os().collect::<Vec<_>>()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let result = match cli.command {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(args: &[&str]) -> String {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>()).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn as_a_plugin_it_calls_itself_what_the_user_typed() {
        let help = refusal(&["/home/u/bin/kubectl-crash_diagnosis", "diagnose", "--help"]);
        assert!(help.contains("Usage: kubectl crash-diagnosis diagnose "), "{help}");
        let help = refusal(&["/usr/bin/crash-diagnosis", "diagnose", "--help"]);
        assert!(help.contains("Usage: crash-diagnosis diagnose "), "{help}");
    }

    #[test]
    fn files_and_a_cluster_do_not_mix() {
        let ok = |args: &[&str]| parse(&args.iter().map(OsString::from).collect::<Vec<_>>()).is_ok();
        assert!(ok(&["c", "diagnose", "--live"]) && ok(&["c", "diagnose", "--live", "-n", "a", "pod"]));
        assert!(ok(&["c", "diagnose", "-f", "a", "b", "--pod", "x"]) && ok(&["c", "diagnose", "--live", "-A"]));
        for bad in [
            &["c", "diagnose"][..],
            &["c", "diagnose", "-n", "a"],
            &["c", "diagnose", "--live", "-f", "a"],
            &["c", "diagnose", "-A", "-f", "a"],
            &["c", "diagnose", "-n", "a", "-f", "b"],
            &["c", "diagnose", "--live", "-A", "pod"],
            &["c", "diagnose", "--live", "--now", "2026-01-01T00:00:00Z"],
            &["c", "capture", "pod"],
        ] {
            assert!(!ok(bad), "{bad:?}");
        }
    }
}
