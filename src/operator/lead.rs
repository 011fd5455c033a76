//! Leading: load what was written, watch, and keep the desk busy until told to stop.

mod streams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::runtime::watcher;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use self::streams::{explain_crd, explain_watch, inner, is_missing, list_all, namespaces, ours};
use super::desk::{Desk, Rules};
use super::pulse::Pulse;
use super::work::{self, Done, Job, Tools};
use crate::api::CrashDiagnosis;
use crate::diagnose::facts::Timestamp;
use crate::health::Health;
use crate::watch::stream::{self, Listing, Scope};

/// Writes, owner questions and Events at the same time; looks are bounded by a flag.
const QUICK: usize = 6;
/// How long jobs may go on after the signal to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// What leading needs.
pub struct Leader {
    /// For the work.
    pub tools: Tools,
    /// What is decided by flags.
    pub rules: Rules,
    /// What is watched.
    pub scopes: Vec<Scope>,
    /// How the first list is read.
    pub listing: Listing,
    /// Looks at the same time.
    pub workers: usize,
    /// What is wrong.
    pub health: Arc<Health>,
}

impl Leader {
    /// Leads until `stop` says true. Whatever goes wrong is reported, and tried again.
    pub async fn lead(&self, stop: watch::Receiver<bool>) {
        self.lead_until(stop).await;
        // Whoever stands by is ready.
        self.health.good("crd");
        self.health.good("watch");
    }

    async fn lead_until(&self, mut stop: watch::Receiver<bool>) {
        let metrics = self.tools.metrics.clone();
        loop {
            let objects = tokio::select! {
                objects = self.load() => objects,
                _ = stop.wait_for(|s| *s) => return,
            };
            tracing::info!(known = objects.len(), "leading");
            let desk = Desk::new(self.rules.clone(), &objects, metrics.clone(), self.health.clone(), Timestamp::now());
            drop(objects);
            let end = self.run(desk, stop.clone()).await;
            metrics.reset_gauges();
            if end == End::Told {
                return;
            }
            // Its objects went with the CRD. Once that is back, everything is looked at anew.
        }
    }

    /// The objects of earlier lives. Also the test whether the CRD is there and may be used.
    async fn load(&self) -> Vec<CrashDiagnosis> {
        let mut pause = Duration::from_secs(1);
        loop {
            match list_all(&self.tools.client, &self.scopes).await {
                Ok(objects) => {
                    self.health.good("crd");
                    return objects;
                }
                Err(error) => self.health.bad("crd", explain_crd(&error)),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    async fn run(&self, mut desk: Desk, mut stop: watch::Receiver<bool>) -> End {
        let client = &self.tools.client;
        let mut pods = stream::pods(client, &self.scopes, self.listing);
        let mut ours = ours(client, &self.scopes);
        let mut namespaces = namespaces(client, &self.scopes);
        let (tell, mut done) = mpsc::unbounded_channel();
        let mut lanes = Lanes::new(self.workers, tell);
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let begun = Instant::now();
        let mut pulse = Pulse::new(begun);
        // Whose pods are to be left alone must be known before the first of them is looked at.
        let mut wishes_known = false;
        let mut synced = false;
        self.health.bad("watch", "the first list of pods is still being read");
        let end = loop {
            tokio::select! {
                _ = stop.wait_for(|s| *s) => break End::Told,
                Some(d) = done.recv() => {
                    lanes.finished(&d);
                    if matches!(d, Done::Answered(answers) if pulse.answered(answers, Instant::now())) {
                        self.health.good("watch");
                    }
                    desk.on_done(d, Timestamp::now());
                }
                Some((i, item)) = pods.next(), if wishes_known => match item {
                    Ok(event) => {
                        pulse.heard(Instant::now());
                        if synced {
                            self.health.good("watch");
                        }
                        desk.on_watch(i, event, Timestamp::now());
                    }
                    Err(error) => {
                        pulse.failed(Instant::now());
                        self.health.bad("watch", explain_watch(&error));
                    }
                },
                Some(event) = ours.next() => match event {
                    Ok(deleted) => {
                        self.health.good("crd");
                        if let Some(key) = deleted {
                            desk.on_object_deleted(&key);
                        }
                    }
                    Err(error) if is_missing(&error) => break End::NoCrd,
                    Err(error) => self.on_lost(&error),
                },
                Some(wishes) = namespaces.next() => match wishes {
                    Some((name, annotations)) => desk.on_namespace(name, annotations),
                    None => wishes_known = true,
                },
                _ = clock.tick() => {
                    desk.tick(Timestamp::now());
                    let now = Instant::now();
                    lanes.add((synced && pulse.asks(now)).then_some(Job::Ping));
                    self.tools.metrics.watch_age.set(i64::try_from(pulse.age(now).as_secs()).unwrap_or(i64::MAX));
                }
            }
            if !synced && desk.is_synced() {
                synced = true;
                self.health.good("watch");
                tracing::info!(
                    seconds = begun.elapsed().as_secs_f64(),
                    incidents = desk.incidents(),
                    "pods are in sync"
                );
            }
            lanes.add(desk.take_jobs());
            lanes.start(&self.tools);
        };
        lanes.farewell(&mut done).await;
        end
    }

    /// Our objects cannot be watched: a right that is missing is said; an API server that is away, the watch of pods says.
    fn on_lost(&self, error: &watcher::Error) {
        if let Some(inner @ kube::Error::Api(s)) = inner(error)
            && s.is_forbidden()
        {
            self.health.bad("crd", explain_crd(inner));
        }
    }
}

/// Why leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The signal to stop.
    Told,
    /// The CRD was removed.
    NoCrd,
}

/// Jobs that wait and jobs that run: looks read logs and may take seconds, so the quick ones have a lane of their own.
struct Lanes {
    looks: Lane,
    quick: Lane,
    tell: mpsc::UnboundedSender<Done>,
}

struct Lane {
    waiting: std::collections::VecDeque<Job>,
    running: usize,
    most: usize,
}

impl Lanes {
    fn new(workers: usize, tell: mpsc::UnboundedSender<Done>) -> Self {
        let lane = |most| Lane { waiting: std::collections::VecDeque::new(), running: 0, most };
        Self { looks: lane(workers), quick: lane(QUICK), tell }
    }

    fn add(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let lane = if matches!(job, Job::Look(_) | Job::Recheck(..)) { &mut self.looks } else { &mut self.quick };
            lane.waiting.push_back(job);
        }
    }

    fn start(&mut self, tools: &Tools) {
        for lane in [&mut self.looks, &mut self.quick] {
            while lane.running < lane.most {
                let Some(job) = lane.waiting.pop_front() else { break };
                lane.running += 1;
                tokio::spawn(work::work(job, tools.clone(), self.tell.clone()));
            }
        }
    }

    fn finished(&mut self, done: &Done) {
        match done {
            Done::Explained(..) | Done::Deepened(..) => {}
            Done::LookOver(..) | Done::Rechecked(_) => self.looks.running -= 1,
            _ => self.quick.running -= 1,
        }
    }

    /// Lets running writes end; what has not begun is found again by the next life.
    async fn farewell(&mut self, done: &mut mpsc::UnboundedReceiver<Done>) {
        let rest = async {
            while self.quick.running > 0 {
                match done.recv().await {
                    Some(d) => self.finished(&d),
                    None => break,
                }
            }
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }
}
