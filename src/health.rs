//! `/healthz`, `/readyz` and `/metrics`, and what is wrong at the moment in words.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, extract::State};
use tokio::sync::Notify;

use crate::report::metrics::Metrics;

/// What keeps the operator from doing its work; empty when nothing does.
#[derive(Debug, Default)]
pub struct Health {
    problems: Mutex<BTreeMap<&'static str, String>>,
    refused: Notify,
}

impl Health {
    /// Not ready because of this, until [`Self::good`]. Says so in the log when it is news.
    pub fn bad(&self, part: &'static str, why: impl Into<String>) {
        let why = why.into();
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.get(part) != Some(&why) {
            tracing::warn!(part, "not ready: {why}");
            problems.insert(part, why);
        }
    }

    /// This part works.
    pub fn good(&self, part: &'static str) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.remove(part).is_some() {
            tracing::info!(part, "works again");
        }
    }

    /// The API server refused a request for want of a right.
    pub fn refused(&self) {
        self.refused.notify_one();
    }

    /// Waits until a request was refused; one that was refused before counts.
    pub async fn refusal(&self) {
        self.refused.notified().await;
    }

    /// One line per problem.
    pub fn problems(&self) -> Vec<String> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().map(|(part, why)| format!("{part}: {why}")).collect()
    }
}

/// Serves until the process ends.
pub async fn serve(listen: SocketAddr, health: Arc<Health>, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, router(health, metrics)).await
}

fn router(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(health))
        .route("/metrics", get(text).with_state(metrics))
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let problems = health.problems();
    if problems.is_empty() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
    }
}

async fn text(State(metrics): State<Arc<Metrics>>) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readiness_tells_what_is_wrong_and_mends() {
        let health = Arc::new(Health::default());
        assert_eq!(ready(State(health.clone())).await.0, StatusCode::OK);
        health.bad("crd", "the CRD is not installed");
        let (code, text) = ready(State(health.clone())).await;
        assert_eq!((code, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "crd: the CRD is not installed\n"));
        health.good("crd");
        assert_eq!(ready(State(health)).await.0, StatusCode::OK);
    }
}
