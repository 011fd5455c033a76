//! The stream of slim pods: one watch per scope, by streaming list where the server has it, else by small pages.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Client};

use super::slim::SlimPod;

/// Pods per page: a page is held as bytes and as text at once, so the peak follows it.
const PAGE: u32 = 100;
/// Seconds until the server ends a watch; a dead connection is noticed five seconds after that.
const WATCH_SECONDS: u32 = 120;

/// Longest pause between two tries to watch.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How the first list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Listing {
    /// Streamed where the server can, else in pages
    Auto,
    /// Streamed; needs Kubernetes 1.34 or its WatchList feature gate
    Stream,
    /// In pages
    Pages,
}

/// Which pods.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Namespaces to leave out, when all are watched.
    pub exclude: Vec<String>,
    /// Label selector; empty for all.
    pub selector: String,
}

/// What the watch says, and of which scope (by its place in the list of scopes).
pub type Item = (usize, Result<Event<SlimPod>, watcher::Error>);

/// Watches pods for ever; errors are passed on and followed by a retry with back-off.
pub fn pods(client: &Client, scopes: &[Scope], listing: Listing) -> BoxStream<'static, Item> {
    let one =
        |(i, scope): (usize, &Scope)| watch_scope(client.clone(), scope.clone(), listing).map(move |e| (i, e)).boxed();
    stream::select_all(scopes.iter().enumerate().map(one)).boxed()
}

fn watch_scope(client: Client, scope: Scope, listing: Listing) -> impl Stream {
    let first = open(&client, &scope, listing != Listing::Pages);
    stream::unfold((first, listing == Listing::Auto), move |(mut events, may_fall_back)| {
        let (client, scope) = (client.clone(), scope.clone());
        async move {
            let item = events.next().await?;
            if may_fall_back && item.as_ref().is_err_and(no_streaming_list) {
                tracing::info!("the API server has no streaming lists: reading pods in pages of {PAGE}");
                let mut pages = open(&client, &scope, false);
                let item = pages.next().await?;
                return Some((item, (pages, false)));
            }
            Some((item, (events, may_fall_back)))
        }
    })
}

/// What [`watch_scope`] gives.
trait Stream: futures::Stream<Item = Result<Event<SlimPod>, watcher::Error>> + Send + 'static {}
impl<T: futures::Stream<Item = Result<Event<SlimPod>, watcher::Error>> + Send + 'static> Stream for T {}

fn open(client: &Client, scope: &Scope, streaming: bool) -> BoxStream<'static, Result<Event<SlimPod>, watcher::Error>> {
    let api: Api<SlimPod> = match &scope.namespace {
        Some(ns) => Api::namespaced(client.clone(), ns),
        None => Api::all(client.clone()),
    };
    watcher::watcher(api, config(scope, streaming)).backoff(Retry::default()).boxed()
}

/// Pauses between tries, doubled up to [`LONGEST_PAUSE`]: an operator that stays away for long after an outage misses
/// what is on show for a moment only.
#[derive(Default)]
struct Retry {
    tries: u32,
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = Duration::from_millis(500) * (1 << self.tries.min(5));
        self.tries += 1;
        Some(pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        self.tries = 0;
    }
}

fn config(scope: &Scope, streaming: bool) -> Config {
    let mut config = Config::default().page_size(PAGE).timeout(WATCH_SECONDS);
    if streaming {
        config = config.streaming_lists();
    }
    if !scope.selector.is_empty() {
        config = config.labels(&scope.selector);
    }
    let excluded: Vec<String> = scope.exclude.iter().map(|ns| format!("metadata.namespace!={ns}")).collect();
    if !excluded.is_empty() && scope.namespace.is_none() {
        config = config.fields(&excluded.join(","));
    }
    config
}

/// A server without the WatchList gate answers 422 to `sendInitialEvents`; kube would retry that for ever.
fn no_streaming_list(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(s)) if s.is_invalid() || s.code == 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_become_selectors() {
        let scope = Scope { exclude: vec!["a".into(), "b".into()], selector: "app=x".into(), ..Scope::default() };
        let c = config(&scope, false);
        assert_eq!(c.field_selector.as_deref(), Some("metadata.namespace!=a,metadata.namespace!=b"));
        assert_eq!((c.label_selector.as_deref(), c.page_size), (Some("app=x"), Some(PAGE)));
        let one = Scope { namespace: Some("shop".into()), exclude: vec!["a".into()], ..Scope::default() };
        assert_eq!(config(&one, true).field_selector, None);
    }

    #[test]
    fn tries_become_rarer_but_never_rare() {
        let mut retry = Retry::default();
        let pauses: Vec<u64> = retry.by_ref().take(7).map(|p| p.as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 10, 10]);
        retry.reset();
        assert_eq!(retry.next(), Some(Duration::from_millis(500)));
    }

    #[test]
    fn only_a_refused_streaming_list_falls_back() {
        let status = |code: u16, reason: &str| {
            let status = kube::core::Status { code, reason: reason.into(), ..kube::core::Status::default() };
            watcher::Error::WatchStartFailed(kube::Error::Api(Box::new(status)))
        };
        assert!(no_streaming_list(&status(422, "Invalid")));
        assert!(!no_streaming_list(&status(403, "Forbidden")));
        assert!(!no_streaming_list(&status(503, "ServiceUnavailable")));
    }
}
