//! `diagnose -f PATH...`: the engine on files, without a cluster.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::diagnose::facts::Timestamp;

use super::answer::{self, Answer};
use super::{input, table};

/// Exit code for input that cannot be used.
const UNUSABLE: u8 = 2;

/// Say why containers crash, from files or from the cluster.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and folders: objects (YAML or JSON), our own bundles, `kubectl cluster-info dump`, must-gather
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1.., required = true)]
    files: Vec<PathBuf>,
    /// Only this pod
    #[arg(long, value_name = "NS/NAME")]
    pod: Option<String>,
    /// What time it is (RFC 3339); default: the newest time in the input
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// An array, one element per crashing (workload, container)
    Json,
    /// The same as YAML
    Yaml,
}

/// Runs it.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    let input = match input::read(&args.files) {
        Ok(input) => input,
        Err(why) => return Ok(unusable(&why.to_string())),
    };
    for skipped in &input.skipped {
        eprintln!("crash-diagnosis: left out {skipped}");
    }
    let now = args.now.or(input.taken_at).or(input.builder.newest()).unwrap_or(Timestamp::UNIX_EPOCH);
    let cluster = input.builder.finish();
    let only = match args.pod.as_deref().map(|wanted| find_pod(&cluster, wanted)) {
        Some(Err(why)) => return Ok(unusable(&why)),
        Some(Ok(pod)) => Some(pod),
        None => None,
    };
    let answers = answer::all(&cluster, now, only.as_ref());
    print(&answers, args.output, now)?;
    Ok(ExitCode::SUCCESS)
}

fn unusable(why: &str) -> ExitCode {
    eprintln!("crash-diagnosis: {why}");
    ExitCode::from(UNUSABLE)
}

/// `NS/NAME`, or a name that only one namespace has.
fn find_pod(cluster: &crate::diagnose::facts::Cluster, wanted: &str) -> Result<(String, String), String> {
    let (namespace, name) = wanted.split_once('/').map_or((None, wanted), |(ns, name)| (Some(ns), name));
    let mut found = cluster.pods.iter().filter(|p| p.name == name && namespace.is_none_or(|ns| ns == p.namespace));
    match (found.next(), found.next()) {
        (Some(p), None) => Ok((p.namespace.clone(), p.name.clone())),
        (None, _) => Err(format!("no pod {wanted} in the input")),
        (Some(_), Some(_)) => Err(format!("more than one pod is called {wanted}: say NAMESPACE/{name}")),
    }
}

/// Prints the answers on standard output.
pub fn print(answers: &[Answer], output: Output, now: Timestamp) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match output {
        Output::Table => out.write_all(table::render(answers, now, &table::Style::of_stdout()).as_bytes())?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, answers)?;
            out.write_all(b"\n")?;
        }
        Output::Yaml => out.write_all(serde_saphyr::to_string(&answers)?.as_bytes())?,
    }
    out.flush()?;
    Ok(())
}
