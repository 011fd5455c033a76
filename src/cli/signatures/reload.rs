//! Signatures of a running operator: read at the start, and again when the files change, without a restart.
//!
//! A mounted ConfigMap is swapped by a link some seconds after its object changed, so looking at times and sizes is enough.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::{Loaded, files, load};
use crate::diagnose::signature::Signatures;
use crate::report::metrics::Metrics;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Loads, and keeps looking; the receiver always has what was read last. Without a path there are none.
pub fn follow(path: Option<PathBuf>, metrics: Arc<Metrics>) -> watch::Receiver<Signatures> {
    let Some(path) = path else { return watch::channel(Signatures::default()).1 };
    let mut seen = fingerprint(&path);
    let (tell, told) = watch::channel(report(&path, load(&path), &metrics));
    tokio::spawn(async move {
        let mut clock = tokio::time::interval(EVERY);
        clock.tick().await;
        while !tell.is_closed() {
            clock.tick().await;
            let now = fingerprint(&path);
            if now != seen {
                seen = now;
                let _ = tell.send(report(&path, load(&path), &metrics));
            }
        }
    });
    told
}

/// Says what was loaded, in the log and as a metric.
fn report(path: &Path, loaded: Loaded, metrics: &Metrics) -> Signatures {
    let good = loaded.signatures.0.len();
    for problem in &loaded.problems {
        tracing::warn!(file = %problem.file.display(), entry = %problem.entry, field = %problem.field, "signature left out: {}", problem.why);
    }
    tracing::info!(path = %path.display(), loaded = good, problems = loaded.problems.len(), "signatures");
    metrics.show_signatures(good, loaded.problems.len());
    loaded.signatures
}

/// Name, size and time of each file: whatever changes them changes this.
fn fingerprint(path: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let about = |file: PathBuf| {
        let m = std::fs::metadata(&file).ok()?;
        Some((file, m.len(), m.modified().ok()))
    };
    files(path).unwrap_or_default().into_iter().filter_map(about).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_file_is_noticed_and_problems_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        std::fs::write(&file, "- {name: a, match: {exitCode: 3}, reason: InvalidConfiguration}\n- {name: b}\n")
            .unwrap();
        let before = fingerprint(dir.path());
        let metrics = Metrics::new().unwrap();
        let signatures = report(dir.path(), load(dir.path()), &metrics);
        assert_eq!(signatures.0.len(), 1);
        assert!(metrics.text().contains("crashdiagnosis_signatures{state=\"loaded\"} 1"), "{}", metrics.text());
        assert!(metrics.text().contains("crashdiagnosis_signatures{state=\"problem\"} 2"), "{}", metrics.text());
        std::fs::write(&file, "[]").unwrap();
        assert_ne!(fingerprint(dir.path()), before);
    }
}
