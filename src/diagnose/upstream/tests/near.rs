//! Blame that lies close by: the Job that was to make a Secret, a container of the same pod, the node without a network.

use super::*;
use crate::diagnose::facts::{Mount, State};

const MISSING: &str = "secret \"web-tls\" not found";

fn lacks_secret() -> World {
    World::new().waiting("CreateContainerConfigError", MISSING)
}

/// A pod of a Job with these arguments.
fn job(name: &str, args: &[&str]) -> Pod {
    let mut pod = waiting(pod(name, "job-name=x"), "ImagePullBackOff", "Back-off pulling image \"x\"");
    pod.workload.kind = "Job".into();
    pod.workload.name = "certs".into();
    pod.containers[0].args = args.iter().map(|a| (*a).to_owned()).collect();
    pod
}

#[test]
fn the_job_that_was_to_make_a_secret() {
    let makes = "Job certs was to make it: pod certs-x cannot start (ImagePullBackOff)";
    let done = |mut p: Pod| {
        p.phase = "Succeeded".into();
        p
    };
    check(vec![
        (
            "a flag",
            lacks_secret().pods(&[job("certs-x", &["create", "--secret-name=web-tls"])]),
            "Pod shop/certs-x",
            makes,
        ),
        (
            "a script",
            lacks_secret().pods(&[job("certs-x", &["kubectl create secret tls web-tls --cert=x"])]),
            "Pod shop/certs-x",
            makes,
        ),
        (
            "another name",
            lacks_secret().pods(&[job("certs-x", &["create", "--secret-name=web-tls-2"])]),
            "Secret shop/web-tls",
            "",
        ),
        (
            "it is done",
            lacks_secret().pods(&[done(job("certs-x", &["--secret-name=web-tls"]))]),
            "Secret shop/web-tls",
            "",
        ),
    ]);
}

fn with_sibling(log: &str, sibling: Container) -> World {
    web(log).with(|w| w.cluster.pods[0].containers.push(sibling)).with(|w| {
        w.cluster.logs.push(Log {
            pod: "web-1".into(),
            ..log_of("web-1", LogSlot::Previous, "FATAL: login refused: password authentication failed\n")
        });
    })
}

fn sibling(crashes: bool) -> Container {
    let mut found = crashing(pod("x", "app=x"), 1, "Error").containers.remove(0);
    found.mounts = vec![Mount { volume: "sockets".into(), path: "/run/x".into(), ..Mount::default() }];
    found.ports = vec![Port { number: 6379, ..Port::default() }];
    if !crashes {
        found.status.state = State::Running { since: None };
        found.status.ready = true;
    }
    found
}

#[test]
fn a_container_of_the_same_pod() {
    let local = "Error: connect ECONNREFUSED 127.0.0.1:6379\n    at x (net.js:1)\n";
    let elsewhere = "Error: connect ECONNREFUSED 127.0.0.1:9999\n    at x (net.js:1)\n";
    let socket = "Connecting to unix:///csi/csi.sock\nE1122 10:00:00.000000       1 main.go:3] error connecting to driver: context deadline exceeded\n";
    let mounted = |w: World| {
        w.with(|w| {
            w.container().mounts.push(Mount { volume: "sockets".into(), path: "/csi".into(), ..Mount::default() });
        })
    };
    let words = "Container main of this pod, which is to serve it, crashes itself";
    check(vec![
        ("localhost", with_sibling(local, sibling(true)), "Pod shop/web-1", words),
        ("a port that is not its own", with_sibling(elsewhere, sibling(true)), "-", ""),
        ("it runs", with_sibling(local, sibling(false)), "-", ""),
        ("a socket", mounted(with_sibling(socket, sibling(true))), "Pod shop/web-1", words),
        ("a socket elsewhere", with_sibling(socket, sibling(true)), "-", ""),
    ]);
}

fn node(status: &str, since: i64) -> Node {
    let condition = condition("NetworkUnavailable", status, since, "no route was made");
    Node { name: "node-1".into(), conditions: vec![condition], ..Node::default() }
}

#[test]
fn the_node_without_a_network() {
    let world = |n: Node| web("FATAL: dial tcp 10.0.9.9:443: i/o timeout\n").with(|w| w.cluster.nodes.push(n));
    let host = world(node("True", -100)).with(|w| w.pod().host_network = true);
    check(vec![
        (
            "it has none",
            world(node("True", -100)),
            "Node /node-1",
            "has no pod network (NetworkUnavailable: no route was made)",
        ),
        ("it has one", world(node("False", -100)), "-", ""),
        ("only since then", world(node("True", 50)), "-", ""),
        ("the pod uses the node's", host, "-", ""),
    ]);
}

#[test]
fn what_makes_the_nodes_network_fails() {
    let agent = |name: &str, node: &str| {
        let mut found = crashing(pod(&format!("sys/{name}-x"), &format!("app={name}")), 1, "Error");
        found.workload.kind = "DaemonSet".into();
        found.host_network = true;
        found.node = Some(node.into());
        found
    };
    let world = |p: Pod| web("FATAL: dial tcp 10.0.9.9:443: i/o timeout\n").pods(&[p]);
    let offline = |p: Pod| root(&world(p).diagnose());
    assert_eq!(offline(agent("kube-proxy", "node-1")), "Pod sys/kube-proxy-x");
    assert_eq!(offline(agent("cilium", "node-1")), "Pod sys/cilium-x");
    assert_eq!(offline(agent("cilium", "node-2")), "-");
    assert_eq!(offline(agent("node-exporter", "node-1")), "-");
}

#[test]
fn what_has_run_for_long_since_its_restart_does_not_crash() {
    let mut sealed = unready(pod("postgres-0", "app=postgres"));
    sealed.containers[0].status.restarts = 1;
    sealed.containers[0].status.last = Some(Terminated {
        exit_code: 255,
        reason: "Unknown".into(),
        finished: Some(at(-1010)),
        ..Terminated::default()
    });
    let probe = warning("postgres-0", "Unhealthy", "Readiness probe failed: Sealed   true\nProgress 0/3");
    let world = web(REFUSED).svc(postgres()).pods(&[sealed]).with(|w| w.cluster.events.push(probe));
    check(vec![(
        "sealed",
        world,
        "Pod shop/postgres-0",
        "runs but is not ready: Readiness probe failed: Sealed true Progress 0/3",
    )]);
}

#[test]
fn a_name_below_a_service_that_does_not_select_the_pod() {
    let world = web("panic: lookup pg-0.pg on 10.96.0.10:53: no such host\n")
        .svc(service("pg", "", "app=other", 5432))
        .pods(&[pod("pg-0", "app=pg")]);
    check(vec![("selector", world, "Service shop/pg", "selects no pod (app=other)")]);
}

#[test]
fn addresses_with_a_word_for_their_protocol() {
    let world = |value: &str| {
        web("0 client: authenticate timed out after 300\nfailed to fetch config\n")
            .with(|w| {
                w.container().env.push(crate::diagnose::facts::EnvVar {
                    name: "MON_HOST".into(),
                    value: Some(value.into()),
                    from: None,
                });
            })
            .svc(postgres())
            .pods(&[unscheduled(pod("postgres-0", "app=postgres"), NO_ROOM)])
    };
    check(vec![
        (
            "two protocols",
            world("[v2:10.96.0.42:5432,v1:10.96.9.9:6789]"),
            "Pod shop/postgres-0",
            "cannot be scheduled",
        ),
        ("one", world("tcp:10.96.0.42:5432"), "Pod shop/postgres-0", "cannot be scheduled"),
    ]);
}
