//! Who leads: one replica at a time, by a Lease. The others stand by, and take over within the lease's time.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError, LeaseParams};
use tokio::sync::watch;

use crate::health::Health;
use crate::report::metrics::Metrics;

/// Longest pause between two tries after an error.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// How long giving the lease back may take at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// The Lease, and who we are.
pub struct Election {
    /// For the Lease.
    pub client: Client,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Our name in it: the pod's, so that a restarted container goes on at once.
    pub identity: String,
    /// Seconds for which a leader that vanished keeps the others waiting; at least 5.
    pub seconds: u16,
    /// What is wrong.
    pub health: Arc<Health>,
    /// `crashdiagnosis_leader`.
    pub metrics: Arc<Metrics>,
}

impl Election {
    /// Runs `lead` whenever this replica leads, telling it to stop when that is over, until `stop` says true.
    pub async fn run<F, Fut>(&self, mut stop: watch::Receiver<bool>, lead: F)
    where
        F: Fn(watch::Receiver<bool>) -> Fut,
        Fut: Future<Output = ()>,
    {
        let Some(manager) = self.manager(&mut stop).await else { return };
        let (tell, mut leading) = watch::channel(false);
        let campaign = self.campaign(&manager, tell);
        tokio::pin!(campaign);
        let terms = async {
            while !*stop.borrow() {
                tokio::select! {
                    _ = stop.wait_for(|s| *s) => break,
                    won = leading.wait_for(|l| *l) => if won.is_err() { break },
                }
                self.term(stop.clone(), leading.clone(), &lead).await;
            }
        };
        tokio::select! {
            () = terms => {}
            () = &mut campaign => {}
        }
        // The crate holds one kind of conflict for impossible, and says so by a panic.
        let release = AssertUnwindSafe(manager.release()).catch_unwind();
        if !matches!(tokio::time::timeout(FAREWELL, release).await, Ok(Ok(Ok(())))) {
            tracing::warn!("the lease could not be given back; another replica waits until it runs out");
        }
    }

    /// One time of leading: until it is over, or the program is.
    async fn term<F, Fut>(&self, mut stop: watch::Receiver<bool>, mut leading: watch::Receiver<bool>, lead: &F)
    where
        F: Fn(watch::Receiver<bool>) -> Fut,
        Fut: Future<Output = ()>,
    {
        self.metrics.leader.set(1);
        let (end, ended) = watch::channel(false);
        let work = lead(ended);
        tokio::pin!(work);
        tokio::select! {
            () = &mut work => {}
            _ = leading.wait_for(|l| !*l) => {
                tracing::warn!("another replica leads now");
                let _ = end.send(true);
                work.await;
            }
            _ = stop.wait_for(|s| *s) => {
                let _ = end.send(true);
                work.await;
            }
        }
        self.metrics.leader.set(0);
    }

    /// Keeps the lease, or tries to get it, for ever; says in `tell` whether it is ours.
    async fn campaign(&self, manager: &LeaseManager, tell: watch::Sender<bool>) {
        let mut pause = Duration::from_secs(1);
        loop {
            // A change comes at once; where there is none, a quiet lease's time shows that all is well.
            let quiet = Duration::from_secs(u64::from(self.seconds));
            match tokio::time::timeout(quiet, manager.changed()).await {
                Ok(Ok(ours)) => {
                    self.well(ours);
                    tell.send_replace(ours);
                }
                Err(_) => self.well(*tell.borrow()),
                Ok(Err(error)) => {
                    self.health.bad("lease", self.explain(&error));
                    if is_gone(&error) {
                        // Somebody deleted it: make it anew, and try at once.
                        drop(self.build().await);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                    continue;
                }
            }
            pause = Duration::from_secs(1);
        }
    }

    fn well(&self, ours: bool) {
        self.health.good("lease");
        tracing::debug!(ours, "lease");
    }

    /// The manager; creates the Lease where there is none. `None`: told to stop first.
    async fn manager(&self, stop: &mut watch::Receiver<bool>) -> Option<LeaseManager> {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.build().await {
                Ok(manager) => {
                    self.health.good("lease");
                    tracing::info!(
                        lease = self.name,
                        namespace = self.namespace,
                        identity = self.identity,
                        "standing by"
                    );
                    return Some(manager);
                }
                Err(error) => self.health.bad("lease", self.explain(&error)),
            }
            tokio::select! {
                _ = stop.wait_for(|s| *s) => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
            }
        }
    }

    /// Creates the Lease where there is none.
    async fn build(&self) -> Result<LeaseManager, LeaseManagerError> {
        let seconds = u64::from(self.seconds);
        let params = LeaseParams::new(&self.identity, seconds, (seconds / 3).max(1))
            .with_field_manager(format!("crash-diagnosis-{}", self.identity));
        LeaseManagerBuilder::new(self.client.clone(), &self.name)
            .with_namespace(&self.namespace)
            .with_parameters(params)
            .build()
            .await
    }

    fn explain(&self, error: &LeaseManagerError) -> String {
        let why = match error {
            LeaseManagerError::KubeError(kube::Error::Api(s)) => s.message.clone(),
            LeaseManagerError::KubeError(other) => format!("the API server cannot be reached: {other}"),
            other => other.to_string(),
        };
        format!("the lease {}/{} cannot be kept: {why}", self.namespace, self.name)
    }
}

fn is_gone(error: &LeaseManagerError) -> bool {
    match error {
        LeaseManagerError::NonexistentLease(_) => true,
        LeaseManagerError::KubeError(kube::Error::Api(s)) => s.is_not_found(),
        _ => false,
    }
}
