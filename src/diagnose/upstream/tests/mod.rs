//! Worlds as an expert would label them: what the log says, what stands behind it, and which object is to blame.

mod live;
mod makers;
mod names;
mod near;
mod pods;
mod services;

use crate::diagnose::Diagnosis;
use crate::diagnose::facts::{
    Condition, Container, Endpoint, Event, Log, LogSlot, Node, Pod, Port, Service, ServicePort, State, Status,
    Terminated, Workload, WorkloadFacts,
};
use crate::diagnose::testing::{World, at};

const REFUSED: &str = "FATAL: dial tcp 10.96.0.42:5432: connect: connection refused\n";

/// The program under test ran two seconds, said `log`, and ended with 1.
fn web(log: &str) -> World {
    World::new().crashed(1, "Error", 2).log(log)
}

fn labels(text: &str) -> std::collections::BTreeMap<String, String> {
    text.split(',').filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// A Service `NAMESPACE/NAME` with a cluster IP (empty: headless), one port, and endpoints as far as they are told later.
fn service(name: &str, ip: &str, selector: &str, port: u16) -> Service {
    let (namespace, name) = name.split_once('/').unwrap_or(("shop", name));
    Service {
        namespace: namespace.into(),
        name: name.into(),
        kind: "ClusterIP".into(),
        cluster_ips: if ip.is_empty() { Vec::new() } else { vec![ip.into()] },
        selector: labels(selector),
        ports: vec![ServicePort { name: None, port, target: port.to_string(), protocol: "TCP".into() }],
        ..Service::default()
    }
}

fn condition(kind: &str, status: &str, since: i64, message: &str) -> Condition {
    Condition {
        kind: kind.into(),
        status: status.into(),
        since: Some(at(since)),
        message: Some(message.into()).filter(|m: &String| !m.is_empty()),
        ..Condition::default()
    }
}

/// A healthy pod `NAMESPACE/NAME` of a StatefulSet called like its `app` label.
fn pod(name: &str, label: &str) -> Pod {
    let (namespace, name) = name.split_once('/').unwrap_or(("shop", name));
    let owner = Workload {
        api_version: "apps/v1".into(),
        kind: "StatefulSet".into(),
        name: labels(label).into_values().next().unwrap_or_default(),
        uid: None,
    };
    let status =
        Status { known: true, ready: true, state: State::Running { since: Some(at(-1000)) }, ..Status::default() };
    Pod {
        namespace: namespace.into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        labels: labels(label),
        workload: owner,
        node: Some("node-2".into()),
        phase: "Running".into(),
        ips: vec![format!("10.1.0.{}", name.len())],
        conditions: vec![condition("Ready", "True", -990, "")],
        containers: vec![Container { name: "main".into(), status, ..Container::default() }],
        ..Pod::default()
    }
}

fn unready(mut pod: Pod) -> Pod {
    pod.conditions = vec![condition("Ready", "False", -5, "containers with unready status: [main]")];
    pod.containers[0].status.ready = false;
    pod
}

fn unscheduled(pod: Pod, why: &str) -> Pod {
    let mut pod = unready(pod);
    pod.node = None;
    pod.phase = "Pending".into();
    pod.ips.clear();
    pod.conditions = vec![condition("PodScheduled", "False", -100, why)];
    pod.containers[0].status = Status::default();
    pod
}

fn waiting(pod: Pod, reason: &str, message: &str) -> Pod {
    let mut pod = unready(pod);
    pod.phase = "Pending".into();
    pod.containers[0].status.state = State::Waiting { reason: reason.into(), message: message.into() };
    pod
}

/// In a crash loop: ran a second, ended so.
fn crashing(pod: Pod, exit_code: i32, reason: &str) -> Pod {
    let mut pod = unready(pod);
    let status = &mut pod.containers[0].status;
    status.restarts = 4;
    status.state = State::Waiting { reason: "CrashLoopBackOff".into(), message: "back-off 40s".into() };
    status.last = Some(Terminated {
        exit_code,
        reason: reason.into(),
        started: Some(at(-20)),
        finished: Some(at(-19)),
        ..Terminated::default()
    });
    pod
}

fn log_of(pod: &str, slot: LogSlot, text: &str) -> Log {
    Log {
        namespace: "shop".into(),
        pod: pod.into(),
        container: "main".into(),
        slot,
        text: text.into(),
        truncated: false,
    }
}

fn warning(pod: &str, reason: &str, message: &str) -> Event {
    Event {
        namespace: "shop".into(),
        kind: "Pod".into(),
        object: pod.into(),
        uid: format!("uid-{pod}"),
        warning: true,
        reason: reason.into(),
        message: message.into(),
        count: 3,
        first: Some(at(-100)),
        last: Some(at(1)),
        ..Event::default()
    }
}

fn workload(kind: &str, name: &str, pods: &str, replicas: u32) -> WorkloadFacts {
    WorkloadFacts {
        namespace: "shop".into(),
        workload: Workload { api_version: "apps/v1".into(), kind: kind.into(), name: name.into(), uid: None },
        replicas: Some(replicas),
        pod_labels: labels(pods),
        ..WorkloadFacts::default()
    }
}

trait Build {
    fn svc(self, s: Service) -> Self;
    fn pods(self, pods: &[Pod]) -> Self;
}

impl Build for World {
    /// Adds a Service; its endpoints follow from the pods that are added before or after.
    fn svc(mut self, s: Service) -> Self {
        self.cluster.services.push(s);
        join(&mut self);
        self
    }

    fn pods(mut self, pods: &[Pod]) -> Self {
        self.cluster.pods.extend_from_slice(pods);
        join(&mut self);
        self
    }
}

/// The endpoints controller's work.
fn join(world: &mut World) {
    let pods = world.cluster.pods.clone();
    for s in world.cluster.services.iter_mut().filter(|s| !s.selector.is_empty()) {
        let behind = pods.iter().filter(|p| {
            p.namespace == s.namespace && p.node.is_some() && s.selector.iter().all(|(k, v)| p.labels.get(k) == Some(v))
        });
        let endpoint = |p: &Pod| Endpoint {
            addresses: p.ips.clone(),
            ready: p.condition("Ready").is_some_and(|c| c.status == "True"),
            pod: Some(p.name.clone()),
            ports: Vec::new(),
        };
        s.endpoints = Some(behind.map(endpoint).collect());
    }
}

/// `Kind namespace/name`, or `-`.
fn root(d: &Diagnosis) -> String {
    d.root_cause.as_ref().map_or_else(|| "-".into(), |r| format!("{} {}/{}", r.kind, r.namespace, r.name))
}

fn postgres() -> Service {
    service("postgres", "10.96.0.42", "app=postgres", 5432)
}

const NO_ROOM: &str = "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found.";

/// A row: its name, the world, what is blamed, and words of the summary.
type Row = (&'static str, World, &'static str, &'static str);

/// Each row with all facts at hand, and again with a collector that reads only what the engine asks for.
fn check(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (name, world, blamed, words) in rows {
        let offline = world.diagnose();
        if root(&offline) != blamed || !offline.summary.contains(words) {
            wrong.push(format!("{name}: {} / {} / {}", root(&offline), offline.reason, offline.summary));
        }
        let (live, read) = live::diagnose(&world);
        if root(&live) != blamed {
            wrong.push(format!("{name}, live: {} after {read:?}", root(&live)));
        }
        if read.len() > 8 {
            wrong.push(format!("{name}, live: {} requests: {read:?}", read.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
