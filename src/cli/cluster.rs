//! The way to a cluster for commands that look once: kubeconfig and context as kubectl takes them, and errors in one line.

use std::path::PathBuf;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::collect::Reader;
use crate::evidence::text;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(20);
/// Most requests per second: as much as kubectl allows itself.
const PER_SECOND: u64 = 50;

/// Which cluster.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// The kubeconfig file; default: $KUBECONFIG, else ~/.kube/config, else the service account of the pod this runs in
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; default: the current one
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
}

/// A cluster that can be asked.
pub struct Cluster {
    /// For lists of pods.
    pub client: Client,
    /// For evidence.
    pub reader: Reader,
    /// The namespace that the context names.
    pub namespace: String,
    /// Where the API server is.
    pub url: String,
}

/// Prepares the way; no request is made yet. The error is one line.
pub async fn open(flags: &Flags) -> Result<Cluster, String> {
    let mut config = config(flags).await?;
    config.connect_timeout = Some(CONNECT);
    let (namespace, url) = (config.default_namespace.clone(), config.cluster_url.to_string());
    let builder =
        ClientBuilder::try_from(config).map_err(|e| format!("the kubeconfig cannot be used: {}", words(&e)))?;
    let client = builder
        .with_layer(&tower::timeout::TimeoutLayer::new(ANSWER))
        .with_layer(&tower::limit::RateLimitLayer::new(PER_SECOND, Duration::from_secs(1)))
        .build();
    let reader = Reader::new(client.clone(), ANSWER);
    Ok(Cluster { client, reader, namespace, url: url.trim_end_matches('/').to_owned() })
}

async fn config(flags: &Flags) -> Result<Config, String> {
    let options = KubeConfigOptions { context: flags.context.clone(), ..KubeConfigOptions::default() };
    let file = match &flags.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => from_environment(),
    };
    let named = flags.kubeconfig.is_some() || flags.context.is_some() || std::env::var_os("KUBECONFIG").is_some();
    match file {
        Ok(file) => Config::from_custom_kubeconfig(file, &options).await.map_err(|e| explain(&e, flags)),
        Err(why) if named => Err(explain(&why, flags)),
        Err(why) => Config::incluster().map_err(|_| explain(&why, flags)),
    }
}

/// As kubectl reads $KUBECONFIG: files of the list that do not exist are skipped, unless none does.
fn from_environment() -> Result<Kubeconfig, KubeconfigError> {
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let files: Vec<PathBuf> = std::env::split_paths(&listed).filter(|p| p.exists()).collect();
    if files.is_empty() {
        return Kubeconfig::read();
    }
    files.iter().try_fold(Kubeconfig::default(), |all, file| all.merge(Kubeconfig::read_from(file)?))
}

fn explain(error: &KubeconfigError, flags: &Flags) -> String {
    match error {
        KubeconfigError::ReadConfig(io, path) if io.kind() == std::io::ErrorKind::NotFound => {
            format!("no cluster: {} is not there (--kubeconfig or KUBECONFIG names another kubeconfig)", path.display())
        }
        KubeconfigError::FindPath => {
            "no cluster: no kubeconfig was found (--kubeconfig or KUBECONFIG names one)".into()
        }
        KubeconfigError::CurrentContextNotSet => {
            "the kubeconfig has no current context: choose one with --context".into()
        }
        KubeconfigError::LoadContext(name) => format!("the kubeconfig has no context {}", text::word(name)),
        other => {
            let file = flags.kubeconfig.as_ref().map_or_else(|| "the kubeconfig".into(), |p| p.display().to_string());
            format!("{file}: {}", words(other))
        }
    }
}

/// Why the API server gave no list or object, as the rest of a line that begins with what was asked for.
pub fn refusal(error: &kube::Error, url: &str) -> String {
    match error {
        kube::Error::Api(s) if s.code == 401 => format!("the API server {url} does not accept the credentials"),
        kube::Error::Api(s) => one_line(&s.message),
        kube::Error::SerdeError(e) => {
            format!("{url} answers, but not as an API server does ({})", one_line(&e.to_string()))
        }
        other => format!("cannot reach the API server {url}: {}", words(other)),
    }
}

/// The innermost cause of an error: "Connection refused" rather than three wrappings of it.
fn words(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    // Tower wraps what it boxes without a source.
    one_line(&inner.to_string())
}

fn one_line(message: &str) -> String {
    let line = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    text::bound(&text::message(&line), 400).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_kubeconfig_is_one_line() {
        let missing =
            KubeconfigError::ReadConfig(std::io::Error::from(std::io::ErrorKind::NotFound), "/x/config".into());
        let said = explain(&missing, &Flags::default());
        assert!(said.starts_with("no cluster: /x/config is not there"), "{said}");
        let said = explain(&KubeconfigError::LoadContext("dev\n".into()), &Flags::default());
        assert_eq!(said, "the kubeconfig has no context dev");
    }

    #[test]
    fn refusals_name_the_right_or_the_address() {
        let status = |code, message: &str| {
            let status = kube::core::Status { code, message: message.into(), ..kube::core::Status::default() };
            kube::Error::Api(Box::new(status))
        };
        assert_eq!(refusal(&status(403, "pods is forbidden:\n no"), "u"), "pods is forbidden: no");
        assert!(refusal(&status(401, "Unauthorized"), "https://h").contains("https://h does not accept"));
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let said = refusal(&kube::Error::Service(Box::new(io)), "https://h");
        assert!(said.starts_with("cannot reach the API server https://h: "), "{said}");
    }
}
