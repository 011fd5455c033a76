//! Builders for tests: a pod with one container, a crash, a log, events.

use super::facts::{
    Cluster, Container, Event, Log, LogSlot, Pod, RestartPolicy, State, Status, Terminated, Timestamp, Workload,
};
use super::{Case, Diagnosis, Finding};

/// Seconds after an arbitrary fixed start of the test's world.
#[allow(clippy::missing_panics_doc, reason = "test code")]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("in range")
}

/// A small world: namespace `shop`, Deployment `web`, pod `web-1`, container `app`.
pub struct World {
    /// All facts; the pod under test is the first.
    pub cluster: Cluster,
    /// "Now"; 60 s after the start unless changed.
    pub now: Timestamp,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A pod whose container runs, healthy.
    pub fn new() -> Self {
        let workload = Workload {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "web".into(),
            uid: Some("d-1".into()),
        };
        let container = Container {
            name: "app".into(),
            image: "registry.example/web:1".into(),
            status: Status {
                known: true,
                ready: true,
                state: State::Running { since: Some(at(0)) },
                ..Status::default()
            },
            ..Container::default()
        };
        let pod = Pod {
            namespace: "shop".into(),
            name: "web-1".into(),
            uid: "p-1".into(),
            workload,
            node: Some("node-1".into()),
            created: Some(at(-5)),
            phase: "Running".into(),
            grace_seconds: 30,
            containers: vec![container],
            ..Pod::default()
        };
        Self { cluster: Cluster { pods: vec![pod], ..Cluster::default() }, now: at(60) }
    }

    /// The pod.
    pub fn pod(&mut self) -> &mut Pod {
        &mut self.cluster.pods[0]
    }

    /// The container.
    pub fn container(&mut self) -> &mut Container {
        &mut self.cluster.pods[0].containers[0]
    }

    /// It ran for `seconds` from second 0 and ended so; it waits in CrashLoopBackOff, third restart.
    #[must_use]
    pub fn crashed(mut self, exit_code: i32, reason: &str, seconds: i64) -> Self {
        let status = &mut self.container().status;
        status.restarts = 3;
        status.ready = false;
        status.last = Some(Terminated {
            exit_code,
            reason: reason.into(),
            started: Some(at(0)),
            finished: Some(at(seconds)),
            container_id: Some("containerd://c1".into()),
            ..Terminated::default()
        });
        status.state = State::Waiting {
            reason: "CrashLoopBackOff".into(),
            message: "back-off 40s restarting failed container=app pod=web-1_shop(p-1)".into(),
        };
        self.now = at(seconds + 10);
        self
    }

    /// It waits with this reason and message, and never ran.
    #[must_use]
    pub fn waiting(mut self, reason: &str, message: &str) -> Self {
        let status = &mut self.container().status;
        status.ready = false;
        status.state = State::Waiting { reason: reason.into(), message: message.into() };
        self.pod().phase = "Pending".into();
        self
    }

    /// The log of the run that crashed.
    #[must_use]
    pub fn log(mut self, text: &str) -> Self {
        self.cluster.logs.push(Log {
            namespace: "shop".into(),
            pod: "web-1".into(),
            container: "app".into(),
            slot: LogSlot::Previous,
            text: text.into(),
            truncated: false,
        });
        self
    }

    /// A kubelet event on the container, `seconds` after the start.
    #[must_use]
    pub fn event(mut self, reason: &str, message: &str, seconds: i64) -> Self {
        self.cluster.events.push(Event {
            namespace: "shop".into(),
            kind: "Pod".into(),
            object: "web-1".into(),
            uid: "p-1".into(),
            container: Some("app".into()),
            warning: !matches!(reason, "Killing" | "Pulled" | "Created" | "Started" | "Scheduled"),
            reason: reason.into(),
            message: message.into(),
            count: 1,
            first: Some(at(seconds)),
            last: Some(at(seconds)),
            source: "kubelet".into(),
            ..Event::default()
        });
        self
    }

    /// The restart policy.
    #[must_use]
    pub fn policy(mut self, policy: RestartPolicy) -> Self {
        self.pod().restart_policy = policy;
        self
    }

    /// Any other change.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The whole engine's answer.
    pub fn diagnose(&self) -> Diagnosis {
        super::diagnose(&self.case())
    }

    /// One rule's findings.
    pub fn examine(&self, rule: fn(&Case) -> Vec<Finding>) -> Vec<Finding> {
        rule(&self.case())
    }

    /// The case.
    pub fn case(&self) -> Case<'_> {
        let pod = &self.cluster.pods[0];
        Case::new(&self.cluster, pod, &pod.containers[0], self.now)
    }
}
