//! Worlds as an expert would label them: what the log says, what stands behind it, and which object is to blame.

use super::super::Diagnosis;
use super::super::facts::{
    Condition, Container, Endpoint, Event, Log, LogSlot, Node, Pod, Port, Service, ServicePort, State, Status,
    Terminated, Workload, WorkloadFacts,
};
use super::super::testing::{World, at};

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

#[test]
fn the_worked_example_of_the_guide() {
    let world = web("2024-01-15 10:00:00 [INFO] web server starting on :8080\n2024-01-15 10:00:01 [INFO] connecting to database at postgres:5432\n2024-01-15 10:00:02 [ERROR] failed to connect: dial tcp 10.96.0.42:5432: connect: connection refused\n2024-01-15 10:00:02 [FATAL] exiting\n")
        .svc(postgres())
        .pods(&[pod("postgres-1", "app=postgres"), unscheduled(pod("postgres-2", "app=postgres"), NO_ROOM)]);
    let found = world.diagnose();
    assert_eq!(root(&found), "Pod shop/postgres-2");
    let root = found.root_cause.as_ref().expect("a root");
    assert_eq!(root.summary, "cannot be scheduled (0/3 nodes: 1 untolerated taint dedicated=db, 2 Insufficient cpu)");
    assert_eq!(root.workload.as_ref().map(|w| w.name.as_str()), Some("postgres"));
    assert!(
        found.summary.contains("1 of 2 pods behind Service postgres is not ready: pod postgres-2 cannot be scheduled"),
        "{}",
        found.summary
    );
    assert!(found.remediation[0].text.contains("add a node"), "{:?}", found.remediation);
    assert!(
        found
            .evidence
            .iter()
            .any(|e| e.object == "pod shop/postgres-2" && e.detail.contains("untolerated taint {dedicated: db}"))
    );
}

/// What is blamed, and a word of the summary.
type Row = (&'static str, World, &'static str, &'static str);

fn check(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (name, world, blamed, word) in rows {
        let found = world.diagnose();
        if root(&found) != blamed || !found.summary.contains(word) {
            wrong.push(format!("{name}: {} / {} / {}", root(&found), found.reason, found.summary));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pods_behind_a_service() {
    check(vec![
        (
            "no room anywhere",
            web(REFUSED).svc(postgres()).pods(&[unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)]),
            "Pod shop/postgres-0",
            "has no ready endpoint: pod postgres-0 cannot be scheduled (0/3 nodes: 1 untolerated taint dedicated=db, 2 Insufficient cpu)",
        ),
        (
            "crashes itself",
            web("Error: connect ECONNREFUSED redis:6379\n    at x (net.js:1)\n")
                .svc(service("redis", "10.96.0.9", "app=redis", 6379))
                .pods(&[crashing(pod("redis-0", "app=redis"), 1, "Error")])
                .with(|w| w.cluster.logs.push(log_of("redis-0", LogSlot::Previous, "*** FATAL CONFIG FILE ERROR (Redis 7.2) ***\nReading the configuration file, at line 3\n>>> 'maxmemry 1gb'\nBad directive or wrong number of arguments\n"))),
            "Pod shop/redis-0",
            "pod redis-0 crashes itself: Exits 1 after 1 s",
        ),
        (
            "killed for memory",
            web(REFUSED).svc(postgres()).pods(&[crashing(pod("postgres-0", "app=postgres"), 137, "OOMKilled")]),
            "Pod shop/postgres-0",
            "crashes itself: ",
        ),
        (
            "image cannot be pulled",
            web(REFUSED).svc(postgres()).pods(&[waiting(pod("postgres-0", "app=postgres"), "ImagePullBackOff", "Back-off pulling image \"postgres:99\": ErrImagePull: failed to resolve reference \"docker.io/library/postgres:99\": not found")]),
            "Pod shop/postgres-0",
            "cannot start (ImagePullBackOff)",
        ),
        (
            "runs but is not ready",
            web(REFUSED).svc(postgres()).pods(&[unready(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.events.push(warning("postgres-0", "Unhealthy", "Readiness probe failed: /var/run/postgresql:5432 - no response"));
            }),
            "Pod shop/postgres-0",
            "runs but is not ready: Readiness probe failed: /var/run/postgresql:5432 - no response",
        ),
        (
            "ready only after the crash",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]).with(|w| {
                w.cluster.pods[1].conditions = vec![condition("Ready", "True", 9, "")];
            }),
            "Pod shop/postgres-0",
            "was not ready then; it became ready 7 s after",
        ),
        (
            "its Secret is missing: the deepest object that evidence reaches",
            web(REFUSED).svc(postgres()).pods(&[waiting(pod("postgres-0", "app=postgres"), "CreateContainerConfigError", "secret \"pg-password\" not found")]),
            "Secret shop/pg-password",
            "pod postgres-0 cannot start (CreateContainerConfigError)",
        ),
        (
            "its node is gone",
            web("dial tcp 10.96.0.42:5432: i/o timeout\n").svc(postgres()).pods(&[unready(pod("postgres-0", "app=postgres"))]).with(|w| {
                w.cluster.nodes.push(Node {
                    name: "node-2".into(),
                    conditions: vec![condition("Ready", "Unknown", -300, "Kubelet stopped posting node status.")],
                    ..Node::default()
                });
            }),
            "Node /node-2",
            "pod postgres-0 is on node node-2, which is not ready (Ready Unknown: Kubelet stopped posting node status.)",
        ),
        (
            "healthy peer: nobody to blame",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]),
            "-",
            "cannot reach 10.96.0.42:5432",
        ),
        (
            "a failing rollout of the peer leaves the old revision serving",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres"), crashing(pod("postgres-1", "app=postgres"), 1, "Error")]).with(|w| {
                w.cluster.pods[1].revision = Some("a".into());
                w.cluster.pods[2].revision = Some("b".into());
            }),
            "-",
            "cannot reach",
        ),
        (
            "something else is wrong with the program",
            web("Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in <module>\nKeyError: 'x'\n")
                .svc(postgres())
                .pods(&[unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)]),
            "-",
            "KeyError",
        ),
    ]);
}

#[test]
fn services_themselves() {
    check(vec![
        (
            "selects nothing, a label is misspelt",
            web(REFUSED).svc(service("postgres", "10.96.0.42", "app=postgress", 5432)).pods(&[pod("postgres-0", "app=postgres")]),
            "Service shop/postgres",
            "selects no pod (app=postgress); pod postgres-0 has app=postgres, not app=postgress",
        ),
        (
            "scaled to zero",
            web(REFUSED).svc(postgres()).with(|w| w.cluster.workloads.push(workload("Deployment", "postgres", "app=postgres", 0))),
            "Deployment shop/postgres",
            "Deployment postgres is scaled to 0 replicas",
        ),
        (
            "a quota refuses its pods",
            web(REFUSED).svc(postgres()).with(|w| {
                w.cluster.workloads.push(workload("StatefulSet", "postgres", "app=postgres", 1));
                let mut event = warning("postgres", "FailedCreate", "create Pod postgres-0 in StatefulSet postgres failed error: pods \"postgres-0\" is forbidden: exceeded quota: small");
                event.kind = "StatefulSet".into();
                w.cluster.events.push(event);
            }),
            "StatefulSet shop/postgres",
            "wants 1 replicas, but has no pod: create Pod postgres-0",
        ),
        (
            "another port",
            web("Error: connect ECONNREFUSED 10.96.0.42:5433\n    at x (net.js:1)\n").svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]),
            "Service shop/postgres",
            "does not expose port 5433; it has 5432",
        ),
        (
            "a target port that nobody has",
            web(REFUSED).svc(postgres()).pods(&[pod("postgres-0", "app=postgres")]).with(|w| {
                w.cluster.services[0].ports[0].target = "pg".into();
                w.cluster.pods[1].containers[0].ports = vec![Port { name: Some("sql".into()), number: 5432, protocol: "TCP".into() }];
            }),
            "Service shop/postgres",
            "sends port 5432 to target port pg, but its pods declare 5432 (sql)",
        ),
        (
            "neither selector nor endpoints",
            web(REFUSED).svc(service("postgres", "10.96.0.42", "", 5432)).with(|w| w.cluster.services[0].endpoints = Some(Vec::new())),
            "Service shop/postgres",
            "has neither a selector nor endpoints",
        ),
        (
            "nothing is known of what stands behind",
            web(REFUSED).svc(postgres()).with(|w| w.cluster.services[0].endpoints = None),
            "-",
            "cannot reach",
        ),
    ]);
}
