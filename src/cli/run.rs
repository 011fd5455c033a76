//! `crash-diagnosis run`: the composition root of the operator.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args as ClapArgs;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use tokio::sync::watch;

use crate::collect::Reader;
use crate::health::{self, Health};
use crate::operator::desk::Rules;
use crate::operator::elect::Election;
use crate::operator::incident::Times;
use crate::operator::lead::Leader;
use crate::operator::rights;
use crate::operator::work::Tools;
use crate::report::metrics::Metrics;
use crate::telemetry::{self, LogFormat};
use crate::watch::detect::Policy;
use crate::watch::stream::{Listing, Scope};

use super::signatures;

/// Flags of `run`; each can be given as an environment variable as well.
#[derive(ClapArgs, Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "flags")]
pub struct Args {
    /// Address of /metrics, /healthz and /readyz
    #[arg(long, env = "CRASH_DIAGNOSIS_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDR:PORT")]
    pub listen: std::net::SocketAddr,
    /// Watch only these namespaces (comma-separated); all when empty
    #[arg(long, env = "CRASH_DIAGNOSIS_NAMESPACES", value_delimiter = ',', value_name = "NS,...")]
    pub namespaces: Vec<String>,
    /// Leave out these namespaces (comma-separated)
    #[arg(long, env = "CRASH_DIAGNOSIS_EXCLUDE_NAMESPACES", value_delimiter = ',', value_name = "NS,...")]
    pub exclude_namespaces: Vec<String>,
    /// Watch only pods with these labels (a Kubernetes label selector)
    #[arg(long, env = "CRASH_DIAGNOSIS_POD_SELECTOR", default_value = "", value_name = "SELECTOR")]
    pub pod_selector: String,
    /// Healthy running time after which a diagnosis becomes Recovered
    #[arg(long, env = "CRASH_DIAGNOSIS_RESOLVE_AFTER", default_value = "10m", value_parser = duration, value_name = "DURATION")]
    pub resolve_after: Duration,
    /// How long a Recovered diagnosis is kept
    #[arg(long, env = "CRASH_DIAGNOSIS_RETENTION", default_value = "24h", value_parser = duration, value_name = "DURATION")]
    pub retention: Duration,
    /// How long a pod may wait for a volume or its sandbox before that is reported
    #[arg(long, env = "CRASH_DIAGNOSIS_STUCK_AFTER", default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub stuck_after: Duration,
    /// How long a young pod's configuration error may last before it is reported, since some heal within seconds
    #[arg(long, env = "CRASH_DIAGNOSIS_CONFIG_GRACE", default_value = "15s", value_parser = duration, value_name = "DURATION")]
    pub config_grace: Duration,
    /// Never read logs
    #[arg(long, env = "CRASH_DIAGNOSIS_NO_LOGS", default_value_t = false)]
    pub no_logs: bool,
    /// Keep the lines of the log that matter out of the CrashDiagnosis; they are still used to diagnose
    #[arg(long, env = "CRASH_DIAGNOSIS_NO_LOG_EXCERPTS", default_value_t = false)]
    pub no_log_excerpts: bool,
    /// Publish no Events
    #[arg(long, env = "CRASH_DIAGNOSIS_NO_EVENTS", default_value_t = false)]
    pub no_events: bool,
    /// Read names and keys of ConfigMaps to suggest near misses (needs the right to read ConfigMaps; values are dropped)
    #[arg(long, env = "CRASH_DIAGNOSIS_READ_CONFIGMAPS", default_value_t = false)]
    pub read_configmaps: bool,
    /// Your own signatures: a YAML file, or a folder of them; read again within a minute when they change
    #[arg(long, env = "CRASH_DIAGNOSIS_SIGNATURES", value_name = "PATH")]
    pub signatures: Option<PathBuf>,
    /// Crashes looked into at the same time
    #[arg(long, env = "CRASH_DIAGNOSIS_WORKERS", default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Most requests per second to the API server
    #[arg(long, env = "CRASH_DIAGNOSIS_REQUESTS_PER_SECOND", default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub requests_per_second: u16,
    /// Longest time one request for evidence may take
    #[arg(long, env = "CRASH_DIAGNOSIS_REQUEST_TIMEOUT", default_value = "8s", value_parser = duration, value_name = "DURATION")]
    pub request_timeout: Duration,
    /// How the first list of pods is read
    #[arg(long, env = "CRASH_DIAGNOSIS_LISTING", default_value = "auto", value_enum)]
    pub listing: Listing,
    /// Work without a Lease; for a single replica, or to try it from a laptop
    #[arg(long, env = "CRASH_DIAGNOSIS_NO_LEADER_ELECTION", default_value_t = false)]
    pub no_leader_election: bool,
    /// Name of the Lease
    #[arg(long, env = "CRASH_DIAGNOSIS_LEASE_NAME", default_value = "crash-diagnosis", value_name = "NAME")]
    pub lease_name: String,
    /// Namespace of the Lease; the operator's own when empty
    #[arg(long, env = "CRASH_DIAGNOSIS_LEASE_NAMESPACE", default_value = "", value_name = "NS")]
    pub lease_namespace: String,
    /// Seconds for which a leader that vanished keeps the others waiting
    #[arg(long, env = "CRASH_DIAGNOSIS_LEASE_SECONDS", default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(5..=300))]
    pub lease_seconds: u16,
    /// Log lines for people or for machines
    #[arg(long, env = "CRASH_DIAGNOSIS_LOG_FORMAT", default_value = "text", value_enum)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or a filter such as info,kube=debug
    #[arg(long, env = "CRASH_DIAGNOSIS_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,
}

/// `90s`, `10m`, `24h`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration =
        text.parse().map_err(|_| "expected a duration such as 90s, 10m or 24h".to_owned())?;
    parsed.try_into().map_err(|_| "a duration cannot be negative".to_owned())
}

fn seconds(d: Duration) -> i64 {
    i64::try_from(d.as_secs()).unwrap_or(i64::MAX)
}

impl Args {
    fn scopes(&self) -> Vec<Scope> {
        let scope = |namespace| Scope {
            namespace,
            exclude: self.exclude_namespaces.clone(),
            selector: self.pod_selector.clone(),
        };
        let named =
            || self.namespaces.iter().filter(|n| !n.is_empty() && !self.exclude_namespaces.contains(n)).cloned();
        if named().next().is_none() { vec![scope(None)] } else { named().map(|n| scope(Some(n))).collect() }
    }

    /// The Lease that this replica leads by; `None`: it leads without one.
    fn election(&self, config: &Config, leader: &Leader) -> Option<Election> {
        let named = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
        let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        (!self.no_leader_election).then(|| Election {
            client: leader.tools.client.clone(),
            name: self.lease_name.clone(),
            namespace: named(&self.lease_namespace)
                .or_else(|| variable("POD_NAMESPACE"))
                .unwrap_or_else(|| config.default_namespace.clone()),
            identity: variable("POD_NAME")
                .or_else(|| variable("HOSTNAME"))
                .unwrap_or_else(|| format!("process-{}", std::process::id())),
            seconds: self.lease_seconds,
            health: leader.health.clone(),
            metrics: leader.tools.metrics.clone(),
        })
    }

    /// The rights that are watched over.
    fn needs(&self, scopes: &[Scope]) -> rights::Scope {
        let namespaces = scopes.iter().filter_map(|s| s.namespace.clone()).collect();
        rights::Scope { namespaces, logs: !self.no_logs, events: !self.no_events }
    }

    fn rules(&self, scopes: &[Scope]) -> Rules {
        Rules {
            policy: Policy {
                resolve_after: seconds(self.resolve_after),
                stuck_after: seconds(self.stuck_after),
                config_grace: seconds(self.config_grace),
                ..Policy::default()
            },
            times: Times { resolve_after: seconds(self.resolve_after), retention: seconds(self.retention) },
            logs: !self.no_logs,
            events: !self.no_events,
            scopes: scopes.iter().map(|s| s.namespace.clone()).collect(),
        }
    }
}

/// Runs the operator until it is told to stop.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    telemetry::start(args.log_format, &args.log_level).context("--log-level")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args))?;
    // Requests that hang must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

async fn run(args: &Args) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::new()?);
    let config = Config::infer().await.context("no cluster: neither a kubeconfig nor a service account was found")?;
    let client = client(config.clone(), Some(args.requests_per_second))?;
    let (stop, stopped) = watch::channel(false);
    // Nobody is ready before its first word: a standby once it has asked for the lease, a leader once it has read the pods.
    if args.no_leader_election {
        health.bad("watch", "the first list of pods is still being read");
    } else {
        health.bad("lease", "the lease has not been asked for yet");
    }
    let serving = tokio::spawn(health::serve(args.listen, health.clone(), metrics.clone()));
    let (failures, refused) = (metrics.evidence_failures.clone(), health.clone());
    let reader = Reader::new(client.clone(), args.request_timeout).config_maps(args.read_configmaps).on_miss(Arc::new(
        move |source, error| {
            failures.with_label_values(&[source, error]).inc();
            if error == "Forbidden" {
                refused.refused();
            }
        },
    ));
    let scopes = args.scopes();
    tokio::spawn(rights::watch_over(client.clone(), args.needs(&scopes), health.clone()));
    let leader = Leader {
        tools: Tools {
            client,
            reader,
            metrics: metrics.clone(),
            log_excerpts: !args.no_log_excerpts,
            signatures: signatures::reload::follow(args.signatures.clone(), metrics.clone()),
        },
        rules: args.rules(&scopes),
        scopes,
        listing: args.listing,
        workers: usize::from(args.workers),
        health: health.clone(),
    };
    let election = args.election(&config, &leader);
    let leading = async {
        if let Some(election) = &election {
            election.run(stopped, |ended| leader.lead(ended)).await;
        } else {
            metrics.leader.set(1);
            leader.lead(stopped).await;
        }
    };
    tokio::pin!(leading);
    tokio::select! {
        () = &mut leading => {}
        served = serving => served?.with_context(|| format!("--listen {}", args.listen))?,
        () = signal() => {
            tracing::info!("stopping");
            let _ = stop.send(true);
            leading.await;
        }
    }
    Ok(())
}

/// A client that bounds what it asks of the API server, and how long it waits for the head of an answer.
fn client(config: Config, per_second: Option<u16>) -> anyhow::Result<Client> {
    let builder =
        ClientBuilder::try_from(config)?.with_layer(&tower::timeout::TimeoutLayer::new(Duration::from_secs(30)));
    Ok(match per_second {
        Some(n) => builder.with_layer(&tower::limit::RateLimitLayer::new(u64::from(n), Duration::from_secs(1))).build(),
        None => builder.build(),
    })
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn defaults_are_those_of_the_design() {
        let args = Run::parse_from(["run"]).args;
        assert_eq!((args.resolve_after.as_secs(), args.retention.as_secs()), (600, 86_400));
        assert_eq!(args.listen.port(), 8080);
        assert_eq!(args.scopes().len(), 1);
    }

    #[test]
    fn namespaces_become_one_watch_each() {
        let args = Run::parse_from(["run", "--namespaces", "a,b,c", "--exclude-namespaces", "b"]).args;
        let names: Vec<_> = args.scopes().into_iter().map(|s| s.namespace).collect();
        assert_eq!(names, [Some("a".to_owned()), Some("c".to_owned())]);
    }

    #[test]
    fn durations_read_like_kubernetes() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("soon").is_err());
        assert!(duration("-1m").is_err());
    }

    #[test]
    fn each_flag_has_an_environment_variable_and_a_help_text() {
        use clap::CommandFactory;
        let command = Run::command();
        for arg in command.get_arguments().filter(|a| a.get_id() != "help") {
            let env = arg.get_env().map(|e| e.to_string_lossy().into_owned());
            let wanted = format!("CRASH_DIAGNOSIS_{}", arg.get_long().unwrap().to_uppercase().replace('-', "_"));
            assert_eq!(env.as_ref(), Some(&wanted));
            assert!(arg.get_help().is_some(), "{wanted}");
        }
    }
}
