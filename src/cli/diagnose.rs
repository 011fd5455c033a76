//! `diagnose`: the engine on files (`-f`), or on a cluster as it is now (`--live`).

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::diagnose::facts::Timestamp;
use crate::diagnose::signature::Signatures;

use super::answer::{self, Answer};
use super::live::{self, Scope};
use super::{cluster, input, signatures, table};

/// Exit code for input that cannot be used.
const UNUSABLE: u8 = 2;

/// Flags of `diagnose`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["files", "live"]), after_long_help = EXAMPLES)]
pub struct Args {
    /// Files and folders: objects (YAML or JSON), bundles of `capture`, `kubectl cluster-info dump`, must-gather
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1.., help_heading = "From files")]
    files: Vec<PathBuf>,
    /// Only this pod; default: all, or of a bundle the one that was captured
    #[arg(long, value_name = "NS/NAME", conflicts_with = "live", help_heading = "From files")]
    pod: Option<String>,
    /// What time it is (RFC 3339); default: the newest time in the input
    #[arg(long, value_name = "TIME", conflicts_with = "live", help_heading = "From files")]
    now: Option<Timestamp>,
    /// Look at the cluster of the kubeconfig; reads only, and installs nothing
    #[arg(long, help_heading = "Cluster")]
    live: bool,
    /// The namespace; default: that of the kubeconfig's context
    #[arg(short, long, value_name = "NS", conflicts_with_all = ["all_namespaces", "files"],
        help_heading = "Cluster"
    )]
    namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["name", "files"], help_heading = "Cluster")]
    all_namespaces: bool,
    #[command(flatten)]
    cluster: cluster::Flags,
    /// Only this pod of the cluster
    #[arg(value_name = "POD", conflicts_with = "files")]
    name: Option<String>,
    /// Your own signatures: a YAML file, or a folder of them
    #[arg(long, env = "CRASH_DIAGNOSIS_SIGNATURES", value_name = "PATH")]
    signatures: Option<PathBuf>,
    /// How to print
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  crash-diagnosis diagnose --live -n shop            what is crashing in a namespace, and why
  crash-diagnosis diagnose --live -A -o json         the whole cluster, for a script
  crash-diagnosis diagnose --live -n shop web-5d9c   one pod
  kubectl get pods,events -A -o yaml > all.yaml && crash-diagnosis diagnose -f all.yaml
  kubectl cluster-info dump -A --output-directory=dump && crash-diagnosis diagnose -f dump

Exit status: 0 it was looked (also when nothing is crashing), 2 the input or the cluster cannot be used, 1 anything else.";

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
    if !args.live && (args.cluster.kubeconfig.is_some() || args.cluster.context.is_some()) {
        return Ok(unusable("--kubeconfig and --context go with --live, not with -f"));
    }
    let signatures = match &args.signatures {
        Some(path) => load_signatures(path),
        None => Signatures::default(),
    };
    let outcome = if args.live { from_cluster(args, &signatures) } else { from_files(args, signatures) };
    match outcome {
        Ok((answers, now)) => print(&answers, args.output, now)?,
        Err(why) => return Ok(unusable(&why)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Each problem is a line; what loads is used.
fn load_signatures(path: &Path) -> Signatures {
    let loaded = signatures::load(path);
    for problem in &loaded.problems {
        eprintln!("crash-diagnosis: signature left out: {problem}");
    }
    loaded.signatures
}

fn from_files(args: &Args, signatures: Signatures) -> Result<(Vec<Answer>, Timestamp), String> {
    let input = input::read(&args.files).map_err(|e| e.to_string())?;
    for skipped in &input.skipped {
        eprintln!("crash-diagnosis: left out {skipped}");
    }
    let now = args.now.or(input.taken_at).or(input.builder.newest()).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut cluster = input.builder.finish();
    cluster.signatures = signatures;
    let wanted = match &args.pod {
        Some(wanted) => vec![find_pod(&cluster, wanted)?],
        None => input.subjects,
    };
    Ok((answer::all(&cluster, now, &wanted), now))
}

fn from_cluster(args: &Args, signatures: &Signatures) -> Result<(Vec<Answer>, Timestamp), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let answers = runtime.block_on(async {
        let at = cluster::open(&args.cluster).await?;
        let namespace = || args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
        let scope = match &args.name {
            _ if args.all_namespaces => Scope::All,
            Some(name) => Scope::Pod(namespace(), name.clone()),
            None => Scope::Namespace(namespace()),
        };
        let mut answers = Vec::new();
        live::look(&at, &scope, signatures, |looked| answers.push(looked.answer)).await?;
        Ok::<_, String>(answers)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok((answers?, Timestamp::now()))
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
